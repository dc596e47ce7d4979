"""printed.py: PDFs without a redaction as a browser prints them, for clean.py.

Cards, forms, tables, lying and upright bars, listings, labels in pills, pictures, calendars, frames to sign in, notes on a tint, bands above and below, in HTML made from a seed and printed by Chromium. Nothing here is drawn by
redaction.synth and nothing is trained on, so that the pages tell what becomes of documents of another make."""
import os, random, shutil
from typing import Iterable, Iterator

WORDS = ('the committee noted that report on water quality had been received and would discussed with regional office before next meeting in spring budget plan project owner approval annual review section policy travel energy '
         'transport housing school clinic board minutes agenda').split()
DARK, PALE = ['#111', '#222831', '#1f4e79', '#5b2c6f', '#0b6e4f', '#b03a2e', '#7f8c8d', '#000', '#444'], ['#f4d03f', '#d5dbdb', '#eaf2f8', '#fdebd0', '#e8daef', '#d4efdf']


def words(r, n): return ' '.join(r.choice(WORDS) for _ in range(n)).capitalize()


def prose(r): return f'<p>{words(r, r.randint(20, 70))}.</p>'


def form(r):
    "Labels with a field each; some are rows of check boxes"
    line, tint = r.choice(['1px solid #000', '1px solid #999', '2px solid #333', '1px solid #ccc', '1px dashed #666']), r.choice(['#fff', '#f3f3f3', '#eef4fb', '#fffbe6'])
    tick = lambda: f'<span style="display:inline-block;width:12px;height:12px;border:{line};margin:0 4px 0 12px"></span>{words(r, 1)}'
    field = lambda: f'<div style="border:{line};background:{tint};height:{r.choice([18, 22, 26, 60])}px;width:{r.randint(120, 380)}px;padding:2px 6px">{words(r, r.randint(1, 4)) if r.random() < .5 else ""}</div>'
    rows = ''.join(f'<tr><td>{words(r, 2)}</td><td>{"".join(tick() for _ in range(r.randint(2, 4))) if r.random() < .25 else field()}</td></tr>' for _ in range(r.randint(5, 12)))
    return f'<h3>{words(r, 3)}</h3><table>{rows}</table>'


def table(r):
    "A table with a coloured head, some cells empty"
    n, head, line = r.randint(3, 6), r.choice(DARK + PALE), r.choice(['1px solid #000', '1px solid #bbb', 'none'])
    cell = lambda: '' if r.random() < .25 else f'{r.randint(1, 9999):,}' if r.random() < .6 else words(r, 2)
    row = lambda i: f'<tr style="background:{"#eee" if i % 2 and r.random() < .8 else "#fff"}">' + ''.join(f'<td style="border:{line};padding:4px 8px">{cell()}</td>' for _ in range(n)) + '</tr>'
    heads = ''.join(f'<th style="background:{head};color:{"#fff" if head in DARK else "#000"};border:{line};padding:4px 8px">{words(r, 1)}</th>' for _ in range(n))
    return f'<table style="border-collapse:collapse;width:100%"><tr>{heads}</tr>{"".join(map(row, range(r.randint(4, 14))))}</table>'


def cards(r):
    "Boxes side by side, with a title each"
    look = r.choice(['border:1px solid #aaa', 'border:2px solid #000', 'border:1px solid #ddd;border-radius:8px', 'background:#f5f5f5', 'background:#eaf2f8;border-left:6px solid #1f4e79'])
    return '<div style="display:flex;gap:10px">' + ''.join(f'<div style="{look};flex:1;padding:10px;min-height:60px"><b>{words(r, 2)}</b><br>{words(r, r.randint(0, 12))}</div>' for _ in range(r.randint(2, 4))) + '</div>'


def chart(r):
    "Bars that stand, or lie with a name before each"
    n, c = r.randint(5, 12), r.choice(DARK); w = 500 / n
    def standing(i): h = r.randint(10, 160); return f'<rect x="{30 + i * w:.0f}" y="{180 - h}" width="{w * r.uniform(.5, .9):.0f}" height="{h}" fill="{c}"/>'
    def lying(i): return f'<text x="0" y="{20 + i * 16}" font-size="10">{words(r, 1)}</text><rect x="80" y="{10 + i * 16}" width="{r.randint(10, 400)}" height="12" fill="{c}"/>'
    bar, axis = (standing, 'x1="28" y1="181" x2="540" y2="181"') if r.random() < .6 else (lying, 'x1="79" y1="6" x2="79" y2="205"')
    return f'<svg width="560" height="210">{"".join(map(bar, range(n)))}<line {axis} stroke="black"/></svg><p><i>Figure {r.randint(1, 9)}. {words(r, 5)}</i></p>'


def listing(r):
    "Lines of a program"
    back, ink = r.choice([('#f6f8fa', '#333'), ('#272822', '#ddd'), ('#eee', '#444')])
    return f'<pre style="background:{back};color:{ink};padding:8px">' + '\n'.join('    ' * r.randint(0, 2) + words(r, r.randint(1, 6)).replace(' ', '_') + f' = {r.randint(0, 99)}' for _ in range(r.randint(4, 9))) + '</pre>'


def pills(r):
    "Words on strong colours within a line"
    def pill(): dark = r.random() < .6; return f'<span style="background:{r.choice(DARK if dark else PALE)};color:{"#fff" if dark else "#000"};padding:2px 8px;border-radius:{r.choice([0, 4, 10])}px">{words(r, 1)}</span> {words(r, 3)}'
    return '<p>' + ' '.join(pill() for _ in range(r.randint(3, 8))) + '</p>'


def picture(r): return f'<div style="width:{r.randint(200, 500)}px;height:{r.randint(100, 220)}px;background:radial-gradient(circle at {r.randint(10, 90)}% {r.randint(10, 90)}%,#ddd,#{r.randint(100, 999)} 40%,#222 90%);border:{r.choice(["none", "1px solid black"])}"></div><p><i>Photograph: {words(r, 5)}</i></p>'


def calendar(r):
    "A month, most days empty"
    high = r.choice([40, 52]); day = lambda w, d: f'<td style="border:1px solid #444;width:80px;height:{high}px;vertical-align:top;{"background:#ddd" if d > 4 else ""}">{7 * w + d + 1} {words(r, 1) if r.random() < .2 else ""}</td>'
    return '<table style="border-collapse:collapse">' + ''.join(f'<tr>{"".join(day(w, d) for d in range(7))}</tr>' for w in range(5)) + '</table>'


def to_sign(r): return '<div style="display:flex;gap:30px;margin-top:20px">' + ''.join(f'<div style="border:1px solid #000;width:{r.randint(140, 260)}px;height:{r.randint(40, 90)}px;padding:4px;font-size:10px">{words(r, 2)}</div>' for _ in range(r.randint(1, 3))) + '</div>'


def note(r):
    back, ink = r.choice([('#fff3cd', '#000'), ('#d1ecf1', '#000'), ('#f8d7da', '#000'), ('#333', '#eee'), ('#e2e3e5', '#555')])
    return f'<div style="background:{back};color:{ink};border:{r.choice(["none", "1px solid #888"])};padding:10px;margin:8px 0">{words(r, r.randint(6, 25))}</div>'


def progress(r): return ''.join(f'<div>{words(r, 2)}<div style="border:1px solid #333;width:300px;height:14px"><div style="background:{r.choice(DARK + PALE)};height:14px;width:{r.randint(0, 100)}%"></div></div></div>' for _ in range(r.randint(2, 5)))


def address(r): return f'<div style="border:1px solid #000;width:300px;padding:6px">{"<br>".join(words(r, 3) for _ in range(4))}</div>' + ''.join(prose(r) for _ in range(5))


BLOCKS = [form, table, cards, chart, listing, pills, picture, calendar, to_sign, note, progress, address, form, table]


def page(r, band):
    "Three blocks between paragraphs, under a band of colour or without"
    head = f'<div style="background:{band};color:white;padding:{r.randint(6, 30)}px;font-size:20px">{words(r, 3)}</div>' if r.random() < .6 else ''
    foot = f'<div style="background:{band};height:{r.randint(6, 24)}px"></div>' if r.random() < .4 else ''
    return f'<div style="page-break-after:always">{head}{"".join(prose(r) + f(r) for f in r.sample(BLOCKS, 3))}{prose(r)}{foot}</div>'


def document(seed):
    "HTML of three pages or more"
    r = random.Random(seed); band, face = r.choice(DARK), r.choice(['Arial', 'Georgia', 'Courier New', 'DejaVu Sans', 'Times New Roman'])
    return f'<html><body style="font-family:{face};font-size:{r.choice([10, 11, 12, 13])}px;-webkit-print-color-adjust:exact">{"".join(page(r, band) for _ in range(3))}</body></html>'


def documents(seeds: Iterable[int]) -> Iterator[bytes]:
    "Print documents as PDFs"
    from playwright.sync_api import sync_playwright
    chromium = shutil.which('chromium') or shutil.which('google-chrome')
    if not chromium: raise SystemExit('printed.py needs Chromium; on Debian: apt-get install chromium')
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=['--no-sandbox'] if os.geteuid() == 0 else []); tab = browser.new_page()
        for s in seeds: tab.set_content(document(s)); yield tab.pdf(format='A4', print_background=True, margin={k: '15mm' for k in ('top', 'bottom', 'left', 'right')})
        browser.close()
