"""hard.py: seeds of drawn pages without a redaction on which the model of a run is wrong, or nearly.

For labels/hard.txt, from which the recipe draws the source `hard`. Pages are looked at by the network and the judge of a run's first fold, as it judges its own pages.

    python tools/hard.py RUN --pages 4000 --seed 5000000 --least 0.3 >> labels/hard.txt"""
import argparse, textwrap
from pathlib import Path


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('run', type=Path, help='folder of a finished run'); ap.add_argument('--pages', type=int, default=3000); ap.add_argument('--seed', type=int, default=3_000_000, help='of the first page'); ap.add_argument('--least', type=float, default=.5, help='score of its likeliest candidate from which on a page counts; one of at least 0.5 need not be an alarm yet, which asks for a surer box')
    a = ap.parse_args()
    missing = [f for f in ('fold0.q.onnx', 'judge0.json') if not (a.run/f).exists()]
    if missing: ap.error(f'{a.run}: {" and ".join(missing)} not there; it must be the folder of a run that `redaction train` finished, with export.bits 8')
    from rich.console import Console
    from rich.progress import track
    from redaction.export import Graph
    from redaction.gather import hard_examples
    from redaction.judge import load_judge
    seeds = track(range(a.seed, a.seed + a.pages), 'looking', console=Console(stderr=True))
    found = [s for s, _ in hard_examples(Graph(a.run/'fold0.q.onnx'), load_judge(a.run/'judge0.json'), seeds, a.least)]
    print(f'# {len(found)} of the {a.pages} pages drawn from {a.seed} on, by a score of {a.least:g} or more'); print(textwrap.fill(' '.join(map(str, found)), 119))


if __name__ == '__main__': main()
