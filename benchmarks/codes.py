"""codes.py: precision and recall of the legal grounds read from redactions.

On the woo pages (pictures, so by OCR) against labels/woo_codes.json, all 625 redactions read by eye; and on PDFs made here with a text layer, in each way of writing that nbs/32_grounds knows. A redaction counts as right
when all its grounds are right and none is added. The labelled boxes are given, so that the detector's misses are not counted here. `--engine` chooses rapidocr or tesseract, `--pages N` only the first N."""
import argparse, io, json, time
from collections import Counter, defaultdict
from pathlib import Path
import numpy as np
from redaction.codes import add_codes, find_ocr, read_codes
from redaction.core import Detections, Document, Page
from redaction.grounds import CODES
from redaction.pages import open_document

ROOT = Path(__file__).resolve().parent.parent


def scores(pairs):
    "Precision, recall and counts over (label, answer) pairs; None stands for no code"
    right = sum(a == b and a is not None for a, b in pairs)
    given, there = sum(b is not None for _, b in pairs), sum(a is not None for a, _ in pairs)
    return dict(redactions=len(pairs), with_code=there, read=given, right=right, precision=round(right / max(1, given), 4), recall=round(right / max(1, there), 4))


def interval(by_document, key, n=2000):
    "Bootstrap 95 % interval of a figure over documents"
    r, names = np.random.default_rng(0), list(by_document)
    values = [scores([p for i in r.integers(len(names), size=len(names)) for p in by_document[names[i]]])[key] for _ in range(n)]
    return [round(float(v), 4) for v in np.percentile(values, [2.5, 97.5])]


def woo(images, labels, ocr, pages, settings, verbose):
    pairs, seconds, wrong = defaultdict(list), 0., Counter()
    for im in labels['images'][:pages]:
        doc = open_document(images/im['file_name']); page = doc.page(1)
        dets = Detections([b['bbox'] for b in im['boxes']])
        t = time.process_time(); got = read_codes(page, dets, ocr=ocr, **settings); seconds += time.process_time() - t
        for b, answer in zip(im['boxes'], got.code):
            pairs[im['file_name'][:5]].append((b['code'], answer))
            if b['code'] != answer:
                wrong[(b['code'], answer)] += 1
                if verbose: print(f'  {im["file_name"]} {b["id"]}: {b["code"]} read as {answer}')
    flat = [p for ps in pairs.values() for p in ps]
    print(json.dumps(scores(flat) | {f'{k}_95': interval(pairs, k) for k in ('precision', 'recall')} | dict(seconds_a_page=round(seconds / max(1, len(labels['images'][:pages])), 3))))
    rare = [p for p in flat if p[0] != '5.1.2.e']
    print('without the commonest ground (5.1.2.e):', json.dumps(scores(rare)))
    macro = [scores(ps)['recall'] for ps in pairs.values() if any(a for a, _ in ps)]
    print(f'mean recall of the {len(macro)} documents with codes: {np.mean(macro):.3f}')
    print('wrong:', '; '.join(f'{n} x {a} as {b}' for (a, b), n in wrong.most_common(12)))


WAYS = {'(b)(6)': ['(b)(6)', '(b) (6)', 'b6', 'Exemption (b)(6)'], '(b)(7)(C)': ['(b)(7)(C)', 'b7C', '(b)(7) (C)'], '(b)(1)': ['(b)(1)', 'b1'], '(k)(2)': ['(k)(2)', 'k2'], '3.3(b)(1)': ['3.3(b)(1)', 'E.O. 13526 3.3(b)(1)'],
        '3.5(c)': ['3.5(c)'], '3.3(h)(2)': ['3.3(h)(2)'], '25X1': ['25X1', '25x1'], '5.1.2.e': ['5.1.2.e', '5.1.2e', '5.1 lid 2 sub e', '5.1,2e', 'art. 5.1.2e'], '5.1.1.c': ['5.1.1c', '5.1 lid 1 onder c'], '10.2.g': ['10.2.g', '10.2g', 'artikel 10 lid 2 sub g'],
        'buiten reikwijdte': ['Buiten reikwijdte', 'buiten verzoek'], 's.40(2)': ['s.40(2)', 'Section 40(2)', 's40(2)'], 's.43': ['s.43', 'section 43'], 'non-responsive': ['Non-responsive'], None: ['']}
PROSE = 'The committee noted that under section 552 of the act, version 5.1.2, and clause (b) of 10.2.2016 costs of 10.250 were met'.split()


def made_pdf(r):
    "A page of text with black boxes and codes inside, beside, or in the margin; the PDF, the boxes and the codes"
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
    fig = Figure(figsize=(8.5, 11)); boxes, labels = [], []
    put = lambda x, y, t, **kw: fig.text(x / 612, 1 - y / 792, t, fontsize=8, va='center', **kw)
    y = 60
    while y < 730:
        where, name = ['inside', 'beside', 'margin'][r.integers(3)], list(WAYS)[r.integers(len(WAYS))]
        h, x0 = (14 if where != 'margin' else r.integers(14, 50)), 80
        x1 = x0 + int(r.integers(150, 260))
        fig.add_artist(Rectangle((x0 / 612, 1 - (y + h) / 792), (x1 - x0) / 612, h / 792, facecolor='black', edgecolor='none', transform=fig.transFigure))
        boxes.append([x0, y, x1, y + h]); labels.append(name); text = WAYS[name][r.integers(len(WAYS[name]))]
        if where == 'inside': put(x0 + 6, y + h / 2, text, color='white')
        elif where == 'beside': put(x1 + 3, y + h / 2, text)
        else: put(606, y + h / 2, text, ha='right')
        if where == 'margin': put(x1 + 30, y + h / 2, ' '.join(r.permutation(PROSE)[:5]))
        y += h + 10
        for _ in range(r.integers(0, 3)): put(80, y + 5, ' '.join(r.permutation(PROSE)[:14])); y += 13
        y += 6
    out = io.BytesIO()
    with PdfPages(out) as pdf: pdf.savefig(fig)
    return out.getvalue(), np.array(boxes, float), labels


def made(n):
    pairs, wrong, t = [], Counter(), time.process_time()
    for seed in range(n):
        pdf, boxes, labels = made_pdf(np.random.default_rng(seed))
        got = add_codes(Document('made.pdf', 'x', [Page(1, 612, 792, 'pt', Detections(boxes))]), pdf, ocr='none', table=CODES).pages[0].detections.code
        pairs += zip(labels, got); wrong.update((a, b) for a, b in zip(labels, got) if a != b)
    print(f'{n} made PDFs with a text layer:', json.dumps(scores(pairs)), 'wrong:', '; '.join(f'{n} x {a} as {b}' for (a, b), n in wrong.most_common(8)))


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--data', default=ROOT.parent/'shared/data/woo/images', type=Path); p.add_argument('--engine', default='auto'); p.add_argument('--pages', type=int, default=10**6)
    p.add_argument('--made', type=int, default=30); p.add_argument('--once', action='store_true', help='no second reading'); p.add_argument('--verbose', action='store_true')
    a = p.parse_args()
    made(a.made)
    if a.data.exists(): woo(a.data, json.loads((ROOT/'labels/woo_codes.json').read_text()), find_ocr(a.engine), a.pages, dict(retry=not a.once), a.verbose)
    else: print(f'{a.data}: not there, so the woo pages are not measured')
