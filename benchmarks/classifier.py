"""classifier.py --out DIR [--net NET.pt | --run RUN] [--export DIR]: the page classifier, alone and together with the detector, beside its two baselines, cross-validated by document.

Pages: the labelled ones (woo, cib), as far as their data is there; drawn ones, redacted and clean; clean vector pages made by clean.py; and cuts of real pages: bands without a box, each beside a band of the same height with one, because
released pages without any redaction are rare and a classifier that only sees drawn clean pages would learn to tell drawn from real. The folds are those of the detector's run, so with --run each fold starts from, and is compared with,
a detector, with its judge, that has not seen its documents. --net starts every fold from one file, which then must not have seen the labelled pages. Steps that are done are taken from --out."""
import argparse, time
from pathlib import Path
import numpy as np

SEED = 700_000  # Of the first drawn page; no training run draws from here


def real_pages(params, out, more):
    "Records of the labelled pages, and the fold of each document as in `redaction train`"
    from redaction.dataset import read_records, render_labelled
    from redaction.recipe import deal, real_data
    records, gold = real_data(params['data'], out, print)
    fold = {d: i for i, docs in enumerate(deal(params, records, gold)) for d in docs}
    pdfs = Path(params['data']['cib']['pdfs'])
    for f in more:
        if pdfs.is_dir() and f.is_file(): records += read_records(f, render_labelled(f, pdfs, out/f.stem), f.stem)
    return records, {r.document: fold.get(r.document, sum(map(ord, r.document)) % len(set(fold.values()))) for r in records}


def cut(record, image, rng):
    "A band without a box and one of the same height with one; None where the page has no such bands"
    h, w = image.shape[:2]; rows = np.zeros(h, bool)
    for _, y0, _, y1 in record.xyxy: rows[max(0, int(y0) - h // 100):int(y1) + h // 100] = True
    edges = np.flatnonzero(np.diff(np.r_[1, rows, 1])); free = edges.reshape(-1, 2)
    a, b = max(free, key=lambda e: e[1] - e[0], default=(0, 0))
    if b - a < .28 * h or (image[a:b].min(2) < 128).mean() < .01 or not len(record.xyxy): return None
    box = record.xyxy[rng.integers(len(record.xyxy))]
    if box[3] - box[1] > b - a: return None
    y = int(np.clip(rng.uniform(box[3] - (b - a), box[1]), 0, h - (b - a)))
    return image[a:b], image[y:y + b - a]


def gather(a, params):
    "All pages as items, and the fold of each document"
    import cv2, importlib.util
    from redaction.classify import PageItem, items_from_records
    from redaction.dataset import read_image
    from redaction.pages import open_document
    from redaction.synth import make_page
    n_folds = params['evaluate']['folds']; records, fold = real_pages(params, a.out, a.more); items = items_from_records(records); rng = np.random.default_rng(0)
    save = lambda p, im: (p.parent.mkdir(parents=True, exist_ok=True), cv2.imwrite(str(p), im[..., ::-1]))
    for r in records:
        if r.source not in params['data']: continue
        two = [a.out/'cuts'/f'{r.path.stem}-{k}.png' for k in ('without', 'with')]; none = a.out/'cuts'/f'{r.path.stem}.none'
        if not none.exists() and not two[1].exists():
            bands = cut(r, read_image(r.path), rng)
            if bands: [save(p, b) for p, b in zip(two, bands)]
            else: none.parent.mkdir(parents=True, exist_ok=True); none.touch()
        if two[1].exists(): items += [PageItem(two[0], 'unredacted', r.document, 'cuts'), PageItem(two[1], 'redacted', r.document, 'cuts')]
    for i in range(a.drawn):
        clean, p = i % 8 < 5, a.out/'drawn'/f'{SEED + i}.png'
        if not p.exists(): save(p, make_page(SEED + i, 1024, 'bulletin' if i % 4 == 0 else None, clean=clean).image)
        items.append(PageItem(p, 'unredacted' if clean else 'redacted', p.stem, 'drawn')); fold[p.stem] = i % n_folds
    spec = importlib.util.spec_from_file_location('clean', Path(__file__).with_name('clean.py')); vector = importlib.util.module_from_spec(spec); spec.loader.exec_module(vector)
    for i in range(a.vector):
        name = f'vector{i}'; fold[name] = i % n_folds
        if not (a.out/'vector'/f'{name}-2.png').exists():
            with open_document(vector.document(SEED + i)) as d: [save(a.out/'vector'/f'{name}-{n}.png', d.page(n + 1).image) for n in range(3)]
        items += [PageItem(a.out/'vector'/f'{name}-{n}.png', 'unredacted', name, 'vector') for n in range(3)]
    return items, fold


def train(a, items, valid, start):
    "A classifier trained on some pages"
    from fastai.torch_core import set_seed
    from redaction.classify import page_dataloaders, page_learner
    from redaction.detect import BrainFloat
    set_seed(0)                                                     # of torch, numpy, and python, which shuffles the pages
    learn = page_learner(page_dataloaders(items, valid, a.size, a.bs), start=start, path=a.out)
    learn.metrics = []; learn.add_cb(BrainFloat())
    if a.frozen:                                                    # a third of the cost: the detector's body stays as it is, the head learns
        learn.train_bn = False; learn.freeze()
        with learn.no_bar(), learn.no_logging(): learn.fit_one_cycle(a.epochs, a.lr)
    else: learn.fit_pages(a.epochs, a.lr)
    learn.remove_cbs(list(learn.cbs.filter(lambda c: isinstance(c, BrainFloat))))
    return learn


def early(run, name):
    "A network as it was before it settled on pages of full size, if it did: pages are classified at half of it"
    tuned = run/f'{name}.tuned.pt'
    return tuned if tuned.exists() else run/f'{name}.pt'


def parts(path):
    "The network of a fold's detector, as a graph where there is one, and its judge"
    name = path.name.split('.')[0]; graph = path.with_name(f'{name}.q.onnx')
    return graph if graph.exists() else path.with_name(f'{name}.pt'), path.with_name(name.replace('fold', 'judge') + '.json')


def mark(files, code=''):
    "What tells these files, and the code that uses them, from others: kept answers are named by it"
    from redaction.core import sha256
    return sha256(''.join([code, *(sha256(f) for f in files if f and f.exists())]).encode())[:12]


def detector_says(items, path):
    "What the boxes on each whole page say, and the highest score, shape (pages, 5): by the network as it ships and the judge beside it, where they lie beside it"
    import torch
    from redaction.boxes import prepare
    from redaction.classifier import FLOOR, evidence
    from redaction.dataset import read_image
    from redaction.detect import load_net
    from redaction.export import Graph
    from redaction.judge import judge, load_judge
    if not path: return np.zeros((len(items), 5))
    net, trees = parts(path)
    net, trees, out = Graph(net) if net.suffix == '.onnx' else load_net(net), load_judge(trees) if trees.exists() else None, []
    for i in items:
        if i.source == 'cuts': out.append(np.full(5, np.nan)); continue  # it was made for whole pages
        x = prepare(read_image(i.path))[0]
        score = (judge(x, net.maps(x), trees, FLOOR) if trees else net.boxes(torch.from_numpy(x)[None], FLOOR)[0]).score
        out.append(np.r_[evidence(0., score)[1:], max(score, default=0.)])
    return np.array(out)


def tuned(score, truth, fold):
    "Whether a page is called redacted, at the threshold that is best on the other folds"
    said = np.zeros(len(score)); fold, truth, score = np.where(np.isnan(score), -1, fold), truth, np.nan_to_num(score)
    for f in set(fold) - {-1}:
        o = (fold != f) & (fold >= 0); grid = np.linspace(.05, .95, 91)
        said[fold == f] = score[fold == f] >= grid[np.argmax([((score[o] >= t) == truth[o]).mean() for t in grid])]
    return said


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--out', type=Path, default=Path('runs/classifier')); ap.add_argument('--net', type=Path); ap.add_argument('--run', type=Path); ap.add_argument('--export', type=Path); ap.add_argument('--version', default='0.2.0')
    ap.add_argument('--params', type=Path, default=Path('params.yaml')); ap.add_argument('--more', type=Path, nargs='*', default=[])
    ap.add_argument('--size', type=int, default=512); ap.add_argument('--epochs', type=int, default=2); ap.add_argument('--bs', type=int, default=16); ap.add_argument('--lr', type=float, default=4e-3)
    ap.add_argument('--drawn', type=int, default=64); ap.add_argument('--vector', type=int, default=6); ap.add_argument('--frozen', action='store_true', help='train the head only'); ap.add_argument('--prepare', action='store_true', help='only make the pages')
    a = ap.parse_args()
    import torch, yaml
    from redaction.classify import CLASSES, calibration_error, export_classifier, find_temperature, score_classes, softmax, weigh
    from redaction.classifier import dark_box
    from redaction.dataset import read_image
    from redaction.export import code_hash
    torch.set_num_threads(1); params = yaml.safe_load(a.params.read_text()); items, fold = gather(a, params)
    if a.prepare: return
    start = lambda i: early(a.run, f'fold{i}') if a.run else a.net
    at, truth, docs, source = (np.array(v) for v in ([fold[i.document] for i in items], [i.label == CLASSES[1] for i in items], [i.document for i in items], [i.source for i in items]))
    logits, dark, says = np.zeros((len(items), 2)), np.zeros(len(items)), np.zeros((len(items), 5)); began = time.process_time()
    for f in sorted(set(at)):
        part, held = a.out/f'fold{f}-{mark([start(f)])}.npz', [i for i, k in zip(items, at) if k == f]
        if not part.exists():
            z = train(a, [i for i, k in zip(items, at) if k != f], held, start(f)).page_logits(held)
            np.savez(part, logits=z, dark=[dark_box(read_image(i.path)) for i in held])
        got, boxes = np.load(part), a.out/f'boxes{f}-{mark(parts(start(f)) if a.run else [], code_hash())}.npy'; logits[at == f], dark[at == f] = got['logits'], got['dark']
        if not boxes.exists(): np.save(boxes, detector_says(held, start(f)))
        says[at == f] = np.load(boxes)
        print(f'fold {f + 1}: {time.process_time() - began:.0f} s of processor', flush=True)
    t = find_temperature(logits, truth.astype(int)); p = np.zeros(len(items))
    for f in set(at): p[at == f] = softmax(logits[at == f], find_temperature(logits[at != f], truth[at != f].astype(int)))[:, 1]
    whole, found, both = source != 'cuts', says[:, 4], np.zeros(len(items)); columns = np.c_[logits[:, 1] - logits[:, 0], says[:, :4]]
    for f in set(at): w = weigh(columns[whole & (at != f)], truth[whole & (at != f)]); both[at == f] = 1 / (1 + np.exp(-(np.nan_to_num(columns[at == f]) @ w[:-1] + w[-1])))
    asked = whole & (~np.isin(source, ['drawn', 'vector']) | ~truth)
    found_says, groups = tuned(found, truth, at), {'real pages, and all clean ones': asked, 'all whole pages': whole, 'real pages (woo, cib)': ~np.isin(source, ['cuts', 'drawn', 'vector']), 'cuts of real pages': source == 'cuts', 'drawn pages': source == 'drawn', 'vector pages': source == 'vector'}
    print(f"{time.strftime('%Y-%m-%d')}: {len(items)} pages, start {a.run or a.net}, size {a.size}, {a.epochs} epochs{', head only' if a.frozen else ''}, temperature {t:.2f}, calibration error {calibration_error(p, truth):.3f}, together {calibration_error(both[whole], truth[whole]):.3f}"); metrics = {}
    print('| pages | redacted / clean | way | accuracy | F1 | ROC AUC |\n|---|---:|---|---:|---:|---:|')
    for name, m in groups.items():
        ways = {'together': (both, .5, both), 'classifier': (p, .5, p), 'any dark box': (dark, 1e-9, dark), 'detector': (found_says, .5, found)}
        if name.startswith('cuts'): del ways['detector'], ways['together']   # the detector was not asked
        for way, (said, cutoff, score) in ways.items():
            s, auc = score_classes(said[m], truth[m], docs[m], cutoff), score_classes(score[m], truth[m], docs[m])['auc']
            print(f'| {name} | {truth[m].sum()} / {(~truth[m]).sum()} | {way} | {s["accuracy"]} | {s["f1"]} | {auc} |')
            metrics |= {f'{name}: {way}, accuracy': str(s['accuracy']), f'{name}: {way}, ROC AUC': str(auc)}
    for i in np.argsort(-np.abs(both - truth) * whole)[:12]: print(f'  {items[i].path.name}: {items[i].label}, together {both[i]:.3f}, classifier {p[i]:.3f}, highest box {found[i]:.3f}')
    if a.export:
        watch = [i for i in items if i.source == 'drawn'][::4]; seen = {i.document for i in watch}
        learn = train(a, [i for i in items if i.document not in seen], watch, early(a.run, 'net') if a.run else a.net)
        data = {s: f'{(source == s).sum()} pages, {truth[source == s].sum()} redacted' for s in dict.fromkeys(source)}
        print(export_classifier(learn, a.export, t, a.version, {k: v for k, v in metrics.items() if not k.startswith('vector')} | {'how': 'cross-validated by document, 95 % bootstrap intervals over documents'}, data, together=weigh(columns[whole], truth[whole]) if a.run else None))


if __name__ == '__main__': main()
