"""samples.py [--again]: draw samples/letter.pdf from its seeds, and make the picture of it that the README shows.

The letter that is there was drawn by an earlier version of `synth`, whose pages differ; tests and tutorials know it, so it is not overwritten without --again."""
import argparse, sys
from pathlib import Path
from redaction.core import ModelError, Shown, write_whole
from redaction.predict import Predictor
from redaction.synth import write_pdf

ROOT = Path(__file__).resolve().parent.parent
SEEDS = (9, 10)       # One page each
SIZE = 1600           # Longer side of a page, in pixels


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--again', action='store_true', help='overwrite the letter and the picture'); a = ap.parse_args()
    pdf, picture = ROOT/'samples/letter.pdf', ROOT/'nbs/files/index/page.png'
    if pdf.exists() and not a.again: sys.exit(f'{pdf.relative_to(ROOT)}: is there already; --again draws another')
    write_pdf(pdf, SEEDS, size=SIZE, style='letter', clean=False)
    print(f'wrote {pdf.relative_to(ROOT)}')
    try: doc = Predictor().detect(pdf, keep_images=True)
    except ModelError as e: sys.exit(f'no picture: {e}')
    page = max(doc, key=lambda p: len(p.detections))
    write_whole(picture, Shown(page.show(480), 480)._repr_png_())
    print(f'wrote {picture.relative_to(ROOT)}: page {page.number}, {picture.stat().st_size // 1000} kB')


if __name__ == '__main__': main()
