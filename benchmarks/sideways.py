"""sideways.py: what becomes of pages that lie on their side or upside down.

Each labelled page, with its labels, as it is and turned by a quarter, a half and three quarters. The shipped model was trained on pages of this set, so only the differences say something. Beside them, on how many pages the lines were taken to run upwards."""
import argparse, time
from pathlib import Path
import numpy as np


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--labels', type=Path, default=Path('../shared/data/woo/annotations.json')); ap.add_argument('--images', type=Path, default=Path('../shared/data/woo/images')); ap.add_argument('--model')
    a = ap.parse_args()
    from redaction.boxes import prepare
    from redaction.core import Page
    from redaction.dataset import read_image, read_records
    from redaction.evaluate import score_pages
    from redaction.gold import Gold, GoldPage
    from redaction.predict import Predictor
    from redaction.turn import lies_sideways
    p, records = Predictor(a.model), read_records(a.labels, a.images)
    for k in range(4):
        gold, found, sideways = {}, {}, 0
        for r in records:
            im = np.ascontiguousarray(np.rot90(read_image(r.path), k)); h, w = im.shape[:2]; name = r.path.name
            xyxy = r.xyxy
            for _ in range(k): x0, y0, x1, y1 = xyxy.T; xyxy = np.stack([y0, -x1, y1, -x0], 1)  # a quarter anticlockwise, around the corner
            xyxy = xyxy + [[0, 0, 0, 0], [0, h, 0, h], [w, h, w, h], [w, 0, w, 0]][k]
            corners = [[b[[0, 1, 2, 1, 2, 3, 0, 3]].reshape(4, 2)] for b in xyxy]
            gold[name] = GoldPage(name, w, h, r.document, '', corners, [str(v) for v in r.kind]); found[name] = Page(1, w, h, 'px', p.images([im])[0]); sideways += lies_sideways(prepare(im)[0])
        s = score_pages(Gold(gold), found, p.package.threshold).to_dict()['ALL']
        print(f"{time.strftime('%Y-%m-%d')}: turned by {90 * k} degrees: taken for sideways {sideways} of {len(records)} pages; box F1 {s['f1']:.3f}, area F1 {s['area_f1']:.3f}, something found on {s['pages_found']} pages", flush=True)


if __name__ == '__main__': main()
