"""hard.py: seeds of drawn pages without a redaction on which the model of a run raises an alarm, or nearly.

For labels/hard.txt, from which the recipe draws the source `hard`. Pages are looked at by the network and the judge of a run's first fold, as it judges its own pages.

    python tools/hard.py RUN --pages 3000 --seed 3000000 >> labels/hard.txt"""
import argparse, textwrap
from pathlib import Path


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('run', type=Path, help='folder of a finished run'); ap.add_argument('--pages', type=int, default=3000); ap.add_argument('--seed', type=int, default=3_000_000, help='of the first page'); ap.add_argument('--least', type=float, default=.5, help='score of a page\'s best candidate from which on it counts')
    a = ap.parse_args()
    missing = [f for f in ('fold0.q.onnx', 'judge0.json') if not (a.run/f).exists()]
    if missing: ap.error(f'{a.run}: {" and ".join(missing)} not there; it must be the folder of a run that `redaction train` finished, with export.bits 8')
    from rich.console import Console
    from rich.progress import track
    from redaction.boxes import prepare
    from redaction.export import Graph
    from redaction.judge import Evidence, candidates, describe, load_judge
    from redaction.synth import make_page
    net, trees, found = Graph(a.run/'fold0.q.onnx'), load_judge(a.run/'judge0.json'), []
    for s in track(range(a.seed, a.seed + a.pages), 'looking', console=Console(stderr=True)):
        x, _ = prepare(make_page(s, clean=True).image)
        boxes, about = candidates(x, Evidence(net.maps(x)))
        if len(boxes) and trees(describe(x, boxes, about), boxes).max() >= a.least: found.append(s)
    print(f'# {len(found)} of the {a.pages} pages drawn from {a.seed} on, by a score of {a.least:g} or more'); print(textwrap.fill(' '.join(map(str, found)), 119))


if __name__ == '__main__': main()
