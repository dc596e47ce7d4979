"""clean.py: false alarms on documents without a redaction.

100 pages made by redaction.synth from seeds never used in training, and 20 PDFs made here with matplotlib: tables, forms, charts, photographs, dark headers, as vector graphics. With --printed N as many PDFs more that Chromium prints (printed.py). Prints each page on which something is found; the
pictures of those go to --out."""
import argparse, io, time
from pathlib import Path
import numpy as np


def table(ax, r):
    "A table with shaded header and empty cells"
    rows, cols = r.integers(6, 18), r.integers(3, 6)
    cells = [[('' if r.random() < .3 else f'{r.integers(1, 9999):,}') for _ in range(cols)] for _ in range(rows)]
    t = ax.table(cellText=cells, colLabels=[f'Year {2000 + c}' for c in range(cols)], loc='center', bbox=[0, .1, 1, .8])
    for (i, _), c in t.get_celld().items():
        if i == 0: c.set_facecolor(['#222222', '#1f4e79', '#cccccc'][r.integers(3)]); c.get_text().set_color('white' if c.get_facecolor()[0] < .5 else 'black')
        elif r.random() < .15: c.set_facecolor('#e8e8e8')
    ax.axis('off'); ax.set_title('Table 1. Expenditure by region', loc='left')


def form(ax, r):
    "Labels with empty fields and check boxes"
    from matplotlib.patches import Rectangle
    for i in range(12):
        y = .92 - i * .075
        ax.text(0, y, f'{i + 1}. ' + ['Family name', 'Date of birth', 'Address', 'Reference number', 'Signature'][i % 5], fontsize=9)
        if i % 4 == 3:
            for k in range(3): ax.add_patch(Rectangle((.4 + .2 * k, y - .005), .018, .022, fill=False, lw=.8)); ax.text(.43 + .2 * k, y, ['yes', 'no', 'unknown'][k], fontsize=8)
        else: ax.add_patch(Rectangle((.4, y - .015), .6, .042, fill=bool(r.random() < .3), facecolor='#f3f3f3', edgecolor='black', lw=.6)); ax.text(.41, y, '' if r.random() < .4 else 'filled in by hand', fontsize=9)
    ax.set_xlim(0, 1); ax.set_ylim(0, 1); ax.axis('off')


def chart(ax, r):
    "Bars or lines with a legend"
    if r.random() < .6: ax.bar(range(8), r.integers(3, 40, 8), color=['black', '#555555', '#1f77b4', '#d62728'][r.integers(4)], label='cases')
    else: ax.plot(r.normal(size=60).cumsum(), label='index'); ax.fill_between(range(60), -2, 2, alpha=.3)
    ax.legend(); ax.set_title('Figure 2. Cases by month')


def photo(ax, r):
    "A smooth picture with a dark part, framed"
    from scipy.ndimage import gaussian_filter
    ax.imshow(gaussian_filter(r.normal(size=(120, 180)), 9), cmap='gray'); ax.set_xticks([]); ax.set_yticks([]); ax.set_xlabel('Photograph: the site in 1987')


def prose(fig, y, r, n=9):
    "Lines of text"
    words = 'the committee noted that the report on water quality had been received and would be discussed with the regional office before the next meeting in spring'.split()
    for i in range(n): fig.text(.1, y - i * .017, ' '.join(r.permutation(words)[:14]), fontsize=9)


def document(seed):
    "One clean PDF of three pages, as bytes"
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot as plt
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.patches import Rectangle
    r, out = np.random.default_rng(seed), io.BytesIO()
    with PdfPages(out) as pdf:
        for kind in r.permutation([table, form, chart, photo])[:3]:
            fig = plt.figure(figsize=(8.27, 11.69)); prose(fig, .88, r); kind(fig.add_axes([.1, .3, .8, .38]), r); prose(fig, .25, r, 7)
            if r.random() < .5: fig.patches.append(Rectangle((0, .93), 1, .07, transform=fig.transFigure, color=['black', '#203864', '#7f7f7f'][r.integers(3)])); fig.text(.1, .955, 'ANNUAL REPORT', color='white', fontsize=20)
            pdf.savefig(fig); plt.close(fig)
    return out.getvalue()


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--pages', type=int, default=100); ap.add_argument('--pdfs', type=int, default=20); ap.add_argument('--printed', type=int, default=0); ap.add_argument('--out', type=Path); ap.add_argument('--seed', type=int, default=900_000); ap.add_argument('--model')
    a = ap.parse_args()
    from redaction.predict import Predictor
    from redaction.synth import make_page
    from printed import documents
    p, counts = Predictor(a.model), {}
    groups = dict(made=lambda: (make_page(a.seed + i, clean=True).image for i in range(a.pages)), pdf=lambda: (document(a.seed + i) for i in range(a.pdfs)), printed=lambda: documents(a.seed + i for i in range(a.printed)) if a.printed else ())
    for group, sources in groups.items():
        n = alarms = 0
        for i, src in enumerate(sources()):
            for page in p.detect(src, keep_images=True):
                n += 1
                if not len(page.detections): continue
                alarms += 1; print(f'{group}{i} page {page.number}: {len(page.detections)} boxes, scores {page.detections.score.round(2)}, {page.detections}')
                if a.out: a.out.mkdir(parents=True, exist_ok=True); page.show(1000).save(a.out/f'{group}{i}-{page.number}.png')
        if n: counts[group] = f'{alarms} of {n}'
    said = dict(made='made pages', pdf=f'pages of {a.pdfs} PDFs', printed=f'pages of {a.printed} printed PDFs')
    print(f"{time.strftime('%Y-%m-%d')}: alarms on {', '.join(f'{c} {said[g]}' for g, c in counts.items())}")


if __name__ == '__main__': main()
