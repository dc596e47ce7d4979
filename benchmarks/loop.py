"""loop.py --run RUN [--share 0.05]: does cleaning the labels of real boxes pay?

Takes the labelled pages and the networks of the folds from a finished run of `redaction train`, so that no page is judged by a network that has seen it. Moves or drops a share of the boxes, on few pages as after a tired hour, trains the judge on the damaged
labels, predicts out of fold, and lets `BoxCleaner` order the pages. A person, who is a few lines that know the truth, decides about the first tenth of them; then the judge is trained again. Only the judge is trained here: the networks, which take hours,
have seen the labels as they were. Prints what the first tenth holds, and box F1 against the true labels for undamaged, damaged and cleaned training labels. Classes of pages: tutorial 5 does the same for them."""
import argparse, tempfile
from dataclasses import replace
from pathlib import Path
import numpy as np


def redraw(r, xyxy, kind):
    "A page with other boxes"
    return replace(r, xyxy=np.asarray(xyxy, float).reshape(-1, 4), kind=list(kind), polygons=[], codes=[], ids=[], fields=[], extra={}, image_id=None)


def damage(records, share, rng):
    "Move or drop every other box of pages taken at random, until the share is reached; the records, and how many boxes of which page"
    want, out, hurt = round(share * sum(len(r.kind) for r in records)), [redraw(r, r.xyxy, r.kind) for r in records], {}
    for k in rng.permutation(len(records)):
        r, n = records[k], min((len(records[k].kind) + 1) // 2, want - sum(hurt.values()))
        if n <= 0: continue
        b, which = np.array(r.xyxy, float), np.arange(0, len(r.kind), 2)[:n]; h = b[:, 3] - b[:, 1]; dy = np.where(b[:, 3] + 1.4 * h < r.height, 1.4, -1.4) * h
        drop = [i for i in which if rng.random() < .5 or not 0 <= b[i, 1] + dy[i] < r.height - h[i]]
        for i in set(which) - set(drop): b[i, [1, 3]] += dy[i]
        keep = [i for i in range(len(b)) if i not in drop]
        out[k] = redraw(r, b[keep], [r.kind[i] for i in keep]); hurt[r.file_name] = n
    return out, hurt


def taught(seen, records):
    "The candidates of each page, told what these labels say of them"
    from redaction.boxes import LONG_SIDE
    from redaction.judge import told
    return {r.file_name: told(seen[r.file_name][0], r.xyxy * LONG_SIDE / max(r.width, r.height)) for r in records}


def decide(cleaner, truth, pages):
    "Go through the first pages as somebody who knows the truth"
    from redaction.labels import pair_boxes
    for i in cleaner.order():
        s = cleaner.places[i]; true = truth[s.page].xyxy; fits = lambda b: len(true) > 0 and bool(pair_boxes([b], true))
        if s.page not in pages: continue
        good = s.prediction is not None and fits(cleaner.found[s.page].xyxy[s.prediction])
        if s.label is not None and not fits(cleaner.records[s.page].xyxy[s.label]): cleaner.choose(i, 'accept' if good else 'drop')
        elif s.label is None and good: cleaner.choose(i, 'accept')
        else: cleaner.choose(i, 'keep')
    return len(cleaner.decided)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--run', type=Path, required=True); ap.add_argument('--params', type=Path, default=Path('params.yaml')); ap.add_argument('--share', type=float, default=.05); ap.add_argument('--seed', type=int, default=0)
    a = ap.parse_args()
    import time, warnings, yaml
    warnings.simplefilter('ignore')
    from redaction.clean_boxes import BoxCleaner
    from redaction.curves import best_threshold
    from redaction.evaluate import score_pages
    from redaction.export import Graph
    from redaction.labels import read_coco, write_coco
    from redaction.gather import gather, gather_drawn, grow_judge
    from redaction.recipe import deal, judge_pages, real_data
    params = yaml.safe_load(a.params.read_text()); records, gold = real_data(params['data'], a.run, print); fold, seen = {}, {}
    for i, docs in enumerate(deal(params, records, gold)):
        held = set(gold.only(docs).pages); net = Graph(a.run/f'fold{i}.q.onnx'); fold |= dict.fromkeys(held, i)
        seen |= gather(net, [r for r in records if r.file_name in held])
        if not i: drawn = gather_drawn(net, 200, params['seed'] * 1000 + 500_000)
    def predict(some):
        told, out = taught(seen, some), {}
        for i in set(fold.values()): out |= judge_pages(grow_judge([told[f] for f in sorted(told) if fold[f] != i], drawn, 150, params['seed'], groups=[fold[f] for f in sorted(told) if fold[f] != i]), seen, [r for r in records if fold[r.file_name] == i])
        return out
    def score(said): return score_pages(gold, said, best_threshold(gold, said, split='valid')).to_dict()['ALL']
    line = lambda name, s: print(f"{name}: box F1 {s['f1']:.3f} [{s['f1_95'][0]:.3f}, {s['f1_95'][1]:.3f}]", flush=True)
    boxes = sum(len(r.kind) for r in records); print(f"{time.strftime('%Y-%m-%d')}: {len(records)} pages, {boxes} boxes"); line('undamaged labels', score(predict(records)))
    bad, hurt = damage(records, a.share, np.random.default_rng(a.seed)); said = predict(bad); line(f'{sum(hurt.values())} boxes moved or dropped on {len(hurt)} pages', score(said))
    with tempfile.TemporaryDirectory() as tmp:
        cleaner = BoxCleaner(write_coco(bad, Path(tmp)/'labels.json'), said); first = set(cleaner.pages[:len(records) // 10])
        print(f'the first tenth of the pages holds {sum(n for f, n in hurt.items() if f in first) / sum(hurt.values()):.0%} of the damaged boxes')
        n = decide(cleaner, {r.file_name: r for r in records}, first); cleaner.apply(); after = {r.file_name: r for r in read_coco(Path(tmp)/'labels.json')}
    mended = [redraw(r, after[r.file_name].xyxy, after[r.file_name].kind) for r in bad]
    line(f'after {n} decisions on {len(first)} pages', score(predict(mended)))


if __name__ == '__main__': main()
