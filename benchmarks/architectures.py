"""architectures.py: the two networks on the same crops, the same number of them, the same schedule, judged on the same pages.

Trains `maps` and `dense` from scratch on drawn pages (RUN/synth, made by `redaction train`; drawn here where missing) and scores both on a labelled set that neither saw, each at the threshold best for it on drawn validation
pages. Prints a Markdown table with the CPU seconds each took, without those of cutting crops."""
import argparse, time, warnings
from pathlib import Path

warnings.filterwarnings('ignore')


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('run', type=Path); ap.add_argument('--gold', default='../shared/data/woo/annotations.json'); ap.add_argument('--crops', type=int, default=2000); ap.add_argument('--pages', type=int, default=400)
    ap.add_argument('--archs', nargs='+', default=['maps', 'dense']); ap.add_argument('--seed', type=int, default=1)
    a = ap.parse_args()
    import torch
    from redaction.dataset import read_records
    from redaction.detect import find, fit, make_net
    from redaction.curves import best_threshold
    from redaction.evaluate import score_pages
    from redaction.gold import read_gold
    from redaction.synth import write_dataset
    labels = a.run/'synth'/'annotations.json'
    if not labels.exists(): write_dataset(a.run/'synth', a.pages, seed=a.seed * 1000, workers=2)
    drawn, real = read_records(labels, source='synth'), read_records(a.gold)
    valid, train = drawn[:40], drawn[40:]
    vgold = read_gold(labels).only(files=[r.file_name for r in valid])
    print(f"{time.strftime('%Y-%m-%d')}: {a.crops} crops of 512 pixels from {len(train)} drawn pages, from scratch; judged on {len(real)} real pages\n\n"
          '| network | weights | training CPU s | inference CPU s a page | box F1 | area F1 |\n|---|---:|---:|---:|---:|---:|')
    for arch in a.archs:
        torch.manual_seed(a.seed); net, t = make_net(arch), time.process_time()
        fit(net, train, valid, 4, a.crops // 4, 4e-3 if arch == 'maps' else 2e-3, seed=a.seed)
        took, cpu = time.process_time() - t, time.process_time()
        pages = find(net, real); cpu = (time.process_time() - cpu) / len(real)
        th = best_threshold(vgold, find(net, valid), split='valid')
        s = score_pages(read_gold(a.gold), pages, th)['ALL']
        print(f"| {arch} | {sum(p.numel() for p in net.parameters()) / 1e6:.2f} M | {took:.0f} | {cpu:.2f} | {s['f1']} | {s['area_f1']} |", flush=True)


if __name__ == '__main__': main()
