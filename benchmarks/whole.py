"""whole.py: pages that are withheld as a whole, and blank ones from a copier.

Drawn pages from seeds never used in training, nearly all of each under one redaction of some kind, every other one scanned a little badly; and blank pages as a copier leaves them, paper between dark edges. Prints on how many of the first the box was found (IoU of 0.8 or more), and on how many of the
others something was."""
import argparse, time
import numpy as np


def scanned(im, r):
    "A little noise, a little blur"
    from redaction.wear import grain, jpeg, soften
    return jpeg(grain(soften(im, float(r.uniform(0, .7))), r, float(r.uniform(1, 6))), int(r.integers(50, 95)))


def withheld(seed, kind):
    "A page with one box over nearly all of it, and that box"
    from redaction.practice import practice, redact
    from redaction.synth import make_page
    r, im = np.random.default_rng(seed), make_page(seed, clean=True).image
    h, w = im.shape[:2]; a, b, c, d = r.uniform(.02, .12, 4)
    box, _ = redact(im, [(round(a * w), round(b * h), round((1 - c) * w), round((1 - d) * h))], practice(r, kind, 12.), r)
    return (scanned(im, r) if seed % 2 else im), box


def blank(seed):
    "Paper between dark edges"
    r, im = np.random.default_rng(seed), np.full((1448, 1024, 3), 15, np.uint8)
    a, b, c, d = r.integers(8, 60, 4); im[a:-b, c:-d] = r.integers(235, 256)
    return scanned(im, r) if seed % 2 else im


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--pages', type=int, default=40, help='of each kind'); ap.add_argument('--seed', type=int, default=990_000); ap.add_argument('--model')
    a = ap.parse_args()
    from redaction.core import KINDS, iou_matrix
    from redaction.predict import Predictor
    p, day = Predictor(a.model), time.strftime('%Y-%m-%d')
    for k, kind in enumerate(KINDS):
        hit = 0
        for s in range(a.seed + k * a.pages, a.seed + (k + 1) * a.pages):
            im, box = withheld(s, kind); d = p.images([im])[0]; hit += bool(len(d) and iou_matrix(d.xyxy, box[None]).max() >= .8)
        print(f'{day}: {p.package.name}, pages withheld under {kind}: found on {hit} of {a.pages}', flush=True)
    print(f'{day}: {p.package.name}, blank pages between dark edges: alarms on {sum(len(p.images([blank(s)])[0]) > 0 for s in range(a.seed, a.seed + a.pages))} of {a.pages}')


if __name__ == '__main__': main()
