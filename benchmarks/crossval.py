"""crossval.py [FOLDS] [--work DIR] [--threshold T]: the labelled pages, each by a network and a judge that have not seen its document.

FOLDS (weights/) is what `tools/keep.py` wrote. The pages go through the same path as in `redaction detect`, so a change of anything but the network shows here within minutes, and honestly. Documents of folds that are not there are left out,
and told."""
import argparse, json, tempfile, time
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parent.parent


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('folds', type=Path, nargs='?', default=ROOT/'weights'); ap.add_argument('--work', type=Path, help='folder for the pages drawn from PDFs, kept for the next time'); ap.add_argument('--threshold', type=float)
    a = ap.parse_args()
    from redaction.predict import Predictor
    from redaction.recipe import real_data, score_sets
    folds, params, pages = *(json.loads((a.folds/f).read_text(encoding='utf-8')) for f in ('folds.json', 'params.json')), {}
    with tempfile.TemporaryDirectory() as t:
        records, gold = real_data(params.get('data') or {}, a.work or t, share=(params.get('dataset') or {}).get('test', .1))
        for i, docs in enumerate(folds):
            if not (a.folds/f'fold{i}').is_dir(): print(f'fold{i}: not there, its {len(docs)} documents are left out'); continue
            p = Predictor(a.folds/f'fold{i}'); at = p.package.threshold if a.threshold is None else a.threshold
            for r in records:
                if r.document in docs: pages[r.file_name] = p.detect(r.path, threshold=min(.1, at)).pages[0]
    if not pages: ap.error(f'{a.folds}: none of its folds, or none of the pages that they have not seen, is here')
    got = [r for r in records if r.file_name in pages]
    print(f"{time.strftime('%Y-%m-%d')}: {p.package.name}, threshold {at}, {len(got)} of {len(records)} pages")
    for s, table in score_sets(SimpleNamespace(predictions=pages), gold, got, at)['tables'].items(): print(f'\n{s}\n{table}')


if __name__ == '__main__': main()
