"""accuracy.py GOLD IMAGES [--model PACKAGE] [--threshold T]: the packaged model on labelled pages, through the same path as `redaction detect`.

Scores what the predictor gives for every labelled page: boxes, area, kinds, pages, with 95 % bootstrap intervals over documents, and COCO mAP. On pages the model was trained on this says nothing about new ones: for those see the
cross-validation on the model card."""
import argparse, time
from pathlib import Path


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('gold'); ap.add_argument('images', type=Path); ap.add_argument('--model'); ap.add_argument('--threshold', type=float)
    a = ap.parse_args()
    from redaction.curves import coco_map
    from redaction.evaluate import score_pages
    from redaction.gold import read_gold
    from redaction.predict import Predictor
    p, gold = Predictor(a.model), read_gold(a.gold)
    t = p.package.threshold if a.threshold is None else a.threshold
    pages = {f: p.detect(a.images/f, threshold=.1).pages[0] for f in gold.pages}
    print(f"{time.strftime('%Y-%m-%d')}: {p.package.name}, threshold {t}, {len(pages)} pages\n{score_pages(gold, pages, t)}\nCOCO mAP {coco_map(gold, pages)['map']:.3f}")


if __name__ == '__main__': main()
