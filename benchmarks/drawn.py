"""drawn.py: what the packaged model finds on drawn pages with redactions.

Pages made by redaction.synth from seeds never used in training: one redaction or many, of every kind, on papers, screens and forms of many sorts, half of them badly worn. They are harder than most of what is released, and each counts as a document of its own. Beside the
figures at the package's own threshold it prints those at a lower one, for whoever would rather look at a box too many than miss one."""
import argparse, time


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--pages', type=int, default=240); ap.add_argument('--seed', type=int, default=950_000); ap.add_argument('--model'); ap.add_argument('--low', type=float, default=.2)
    a = ap.parse_args()
    from redaction.core import Page
    from redaction.evaluate import score_pages
    from redaction.gold import Gold, GoldPage
    from redaction.predict import Predictor
    from redaction.synth import make_page
    p, gold, found = Predictor(a.model), {}, {}
    for seed in range(a.seed, a.seed + a.pages):
        made = make_page(seed, clean=False); (h, w), d = made.image.shape[:2], made.detections; name = f'{seed}.png'
        corners = [[b[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)] for b in d.xyxy]
        gold[name] = GoldPage(name, w, h, name, made.style, corners, [str(k) for k in d.kind]); found[name] = Page(1, w, h, 'px', p.images([made.image], a.low)[0])
    for t in (p.package.threshold, a.low):
        pages = sum(bool((f.detections.score >= t).any()) for f in found.values())
        print(f"{time.strftime('%Y-%m-%d')}: {p.package.name}, threshold {t}: something found on {pages} of {len(gold)} pages\n{score_pages(Gold(gold), found, t)}")


if __name__ == '__main__': main()
