"""keep.py RUN OUT VERSION: keep of a run what others need in order not to train it again.

Into OUT go the base network, under the name by which `redaction train` finds it (`bases` in params.yaml), and a package for each fold whose network is there, with the documents that it has not seen in folds.json; the parameters of the run go into params.json. A fold's package has its judge
once the run has grown them. `benchmarks/crossval.py` measures with these packages.

    python tools/keep.py runs/next weights 0.9.0
    redaction train --params weights/params.json --out runs/again    # begins with the fine-tuning, if params.json names the folder in `bases`"""
import argparse, json
from pathlib import Path


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('run', type=Path, help='folder of `redaction train`'); ap.add_argument('out', type=Path); ap.add_argument('version', help='of the packages')
    a = ap.parse_args()
    from redaction.core import write_whole
    from redaction.export import export
    from redaction.judge import load_judge
    from redaction.recipe import base_name, bits, deal, real_data, sample_pages
    params = json.loads((a.run/'params.json').read_text(encoding='utf-8'))
    a.out.mkdir(parents=True, exist_ok=True); write_whole(a.out/'params.json', json.dumps(params, indent=1, ensure_ascii=False) + '\n')
    if (a.run/'base.pt').is_file(): write_whole(a.out/base_name(params), (a.run/'base.pt').read_bytes())
    records, gold = real_data(params.get('data') or {}, a.run, share=(params.get('dataset') or {}).get('test', .1))
    folds = deal(params, records, gold)
    for i, docs in enumerate(folds):
        if not (a.run/f'fold{i}.pt').is_file(): print(f'fold{i}: not trained yet'); continue
        unseen, judge = {*gold.only(docs).pages}, a.run/f'judge{i}.json'
        export(a.run/f'fold{i}.pt', a.out/f'fold{i}', a.version, .5, sample_pages([r for r in records if r.file_name not in unseen]), dict(how='benchmarks/crossval.py'), dict(unseen=f'{len(docs)} documents, see folds.json'),
               'redaction train, tools/keep.py', params['seed'], f'redaction-fold{i}', bits(params), load_judge(judge) if judge.is_file() else None)
        print(f'fold{i}: kept, {len(docs)} documents unseen' + ('' if judge.is_file() else ', without a judge'))
    write_whole(a.out/'folds.json', json.dumps(folds, indent=1, ensure_ascii=False) + '\n')


if __name__ == '__main__': main()
