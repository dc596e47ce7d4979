"""Leaks from outside: every made pair, real filings, ordinary documents without alarms, and hostile files."""
import io, json, os, random, sys, time, zlib
import pytest
from conftest import ROOT
from redaction.core import Detections
from redaction.leaks import ADVICE, find_leaks, find_leaks_safely

MADE = ROOT/'nbs/files/leaks'
EXPECTED = json.loads((MADE/'expected.json').read_text())
XRAY, CIB = ROOT.parent/'shared/data/xray', ROOT.parent/'shared/data/cib'
sys.path.insert(0, str(ROOT/'nbs/files'))


def told(src, boxes=(), **kw): return [(r['leak'], r.get('text')) for _, r in find_leaks(src, [Detections(list(boxes))], **kw).leaks]


@pytest.mark.parametrize('name', EXPECTED)
def test_pair(name):
    "The leak is told with its text and the way to it, the twin is not"
    e = EXPECTED[name]
    assert told(MADE/f'{name}.leak.pdf', e['boxes']) == [(e['leak'], e['text'])]
    assert told(MADE/f'{name}.twin.pdf', e['boxes']) == []


def test_pairs_are_what_the_script_makes():
    "The files in the repository are those of the script, byte for byte"
    from make_leaks import CASES
    assert len(CASES) >= 15
    for name, (_, _, leak, twin, _) in CASES.items():
        if name.startswith('ocr_'): continue  # hold a picture, compressed by whatever zlib there is
        assert (MADE/f'{name}.leak.pdf').read_bytes() == leak and (MADE/f'{name}.twin.pdf').read_bytes() == twin


def test_json():
    "The shape of `detect`, and for leaks alone the text, the way and the advice"
    d = json.loads(find_leaks(MADE/'two_lines.leak.pdf', [Detections([[10, 10, 20, 20]])]).to_json())
    assert set(d) == {'document', 'sha256', 'model', 'error', 'pages'}
    dull, leak = d['pages'][0]['redactions']
    assert set(dull) == {'bbox', 'score', 'kind', 'code'} and set(leak) == set(dull) | {'text', 'leak', 'advice'}
    assert leak['advice'] == ADVICE[leak['leak']]
    silent = find_leaks(MADE/'two_lines.leak.pdf', [], text=False).to_json()
    assert 'Anna' not in silent and '"leak": "under_rectangle"' in silent


@pytest.mark.skipif(not XRAY.is_dir(), reason='needs ../shared/data/xray')
@pytest.mark.parametrize('name', ['multi_line_redaction_ok', 'no_bad_redactions.2.1', 'no_bad_redactions.6.2', 'partial_intersections_ok', 'rect_ordering_0.8', 'rectangles_no', 'rectangles_yes', 'whitespace_redactions'])
def test_filings(name):
    "Court filings: black rectangles below black text leak, the others do not"
    leaks = [r['text'] for _, r in find_leaks(XRAY/f'{name}.pdf').leaks]
    assert sorted(leaks) == sorted([] if name != 'rectangles_yes' else ['“No”', '“No”', '“Yes”, but did not disclose all relevant medical history'])


def ordinary(seed):
    "An ordinary page: text, a table with shaded cells and rules, highlights, underlines, notes, white words for search engines"
    from make_leaks import Pdf, text
    r, out, annots, p = random.Random(seed), '', [], Pdf()
    words = 'report visit water budget march seven annual table growth 2021 14% total figure letter school city health'.split()
    some = lambda n: ' '.join(r.choices(words, k=n)).capitalize()
    y = 760
    if r.random() < .5: out += f'{r.choice(["0 0 .4", ".2 .2 .2"])} rg 0 770 612 22 re f\n' + text(40, 776, some(4), 11, '1 g')          # a header on a band
    while y > 120:
        kind = r.choice('tttuhsTBnwod')
        if kind == 'T':
            cols, rows, h = r.randint(2, 5), r.randint(2, 6), r.choice([13, 16, 20])
            w = 500 // cols
            for i in range(rows):
                for j in range(cols):
                    x, at = 50 + j * w, y - (i + 1) * h
                    if at < 100: continue
                    out += (f'{r.choice([".85 g", "1 g", ".8 .9 1 rg"])} {x} {at} {w} {h} re f\n' if i == 0 or r.random() < .3 else '') + text(x + 3, at + 4, some(1 if cols > 3 else 2)[:w // 6], 9)
                    out += f'0 G .5 w {x} {at} {w} {h} re S\n' if r.random() < .8 else f'0 g {x} {at - .4} {w} .8 re f\n'
            y -= rows * h + 20; continue
        line = some(r.randint(5, 9)); out += text(50, y, line, 11)
        if kind == 'u': out += f'0 g 50 {y - 2} {r.randint(60, 300)} .9 re f\n'                                         # a rule below
        if kind == 's': out += f'0 G .8 w 50 {y + 3.5} m {r.randint(100, 300)} {y + 3.5} l S\n'                             # struck through
        if kind == 'h': annots.append(f'<</Type/Annot/Subtype/Highlight/Rect[50 {y - 3} 250 {y + 10}]/F 4/C[1 1 0]/QuadPoints[50 {y + 10} 250 {y + 10} 50 {y - 3} 250 {y - 3}]>>')
        if kind == 'B': out += f'q /G gs 1 .9 .2 rg 50 {y - 3} {r.randint(80, 250)} 13 re f Q\n'                             # a highlight one sees through
        if kind == 'n': annots.append(f'<</Type/Annot/Subtype/Square/Rect[45 {y - 5} 300 {y + 12}]/F 4/C[1 0 0]>>')
        if kind == 'w': out += text(320, y - 14, some(3), 10, '1 g')                                                       # white on white
        if kind == 'o': out += text(50, y - 14, some(3), 10, mode=3)                                                       # never painted
        if kind == 'd': out += text(50.4, y, line, 11)                                                                    # drawn twice, as for bold
        y -= r.choice([14, 18, 26])
    p.page(out, '/ExtGState<</G<</ca .5>>>>', '/MediaBox[0 0 612 792]', annots)
    return p.bytes()


@pytest.mark.parametrize('part', range(5))
def test_no_alarm_on_ordinary_pages(part):
    "Fifty ordinary pages, a tenth at a time each way: no leak, whether the model's boxes are asked for or not"
    for seed in range(part * 8, part * 8 + 8): assert told(ordinary(seed)) == [], seed

@pytest.mark.parametrize('part', range(5))
def test_no_alarm_with_the_models_boxes(part):
    "The same pages with the boxes of the model that ships"
    assert find_leaks(ordinary(part)).leaks == []


def test_no_alarm_on_plots():
    "Ten documents of matplotlib: tables, legends over text, hatched bars, highlights and underlines"
    plt = pytest.importorskip('matplotlib.pyplot')
    import matplotlib; matplotlib.use('pdf')
    for seed in range(10):
        r, out = random.Random(seed), io.BytesIO()
        fig, axes = plt.subplots(2, 1, figsize=(6, 8))
        axes[0].bar(range(5), [r.random() for _ in range(5)], hatch=r.choice(['//', 'xx', None]), color=r.choice(['0.3', 'tab:blue', 'white']), edgecolor='black', label='growth')
        for i in range(5): axes[0].text(i, .1, f'{r.random():.2f}', ha='center', bbox=r.choice([None, dict(facecolor='yellow', alpha=.5), dict(facecolor='white')]))
        axes[0].set_title('Budget by year', color=r.choice(['black', 'white']), backgroundcolor=r.choice(['navy', 'gray'])); axes[0].legend()
        axes[1].axis('off'); axes[1].table([[some := f'{r.random():.1%}', 'water', 'city'] for _ in range(4)], colLabels=['share', 'of', 'in'], colColours=['0.8', '0.3', 'white'], loc='center')
        fig.savefig(out, format='pdf'); plt.close(fig)
        assert told(out.getvalue()) == [], seed


@pytest.mark.skipif(not CIB.is_dir(), reason='needs ../shared/data/cib')
def test_no_alarm_on_scans():
    "Declassified scans whose text layers were made after the redactions"
    for f in sorted(CIB.glob('*.pdf'))[::1 if os.environ.get('REDACTION_SLOW') else 10]: assert find_leaks(f).leaks == [], f.name


def test_hostile(tmp_path):
    "Forms in forms without end, a million lines, a thousand bars and a damaged page: bounded, and the next document is told right"
    from make_leaks import RECT, Pdf, letter
    forms = Pdf(); n = None
    for _ in range(14): n = forms.stream('/Type/XObject/Subtype/Form/BBox[0 0 400 300]' + (f'/Resources<</XObject<</X {n} 0 R>>>>' if n else ''), '/X Do ' * 12 if n else RECT)
    forms.page(letter() + '/X Do', f'/XObject<</X {n} 0 R>>')
    many = Pdf(); many.page('', '', annots=[]); body = zlib.compress(b'0 0 m 9 9 l S\n' * 1_000_000, 9)
    many.objects[many.pages[0] - 2] = b'<</Filter/FlateDecode/Length %d>>stream\n' % len(body) + body + b'\nendstream'
    bars = Pdf(); bars.page(''.join(letter().replace('220', str(20 + i % 250)) + f'{i % 300} {i % 250} 60 14 re f\n' for i in range(300)))
    files = dict(forms=forms.bytes(), many=many.bytes(), bars=bars.bytes(), cut=(MADE/'rectangle.leak.pdf').read_bytes()[:500], good=(MADE/'rectangle.leak.pdf').read_bytes())
    for k, v in files.items(): (tmp_path/f'{k}.pdf').write_bytes(v)
    start = time.monotonic()
    got = list(find_leaks_safely([tmp_path/f'{k}.pdf' for k in files], changes=dict(max_seconds=4.), seconds=4.))
    assert time.monotonic() - start < 90 and len(got) == 5
    assert [r['text'] for _, r in got[-1].leaks] == ['Anna Smit'] and got[3].error_code == 'damaged'
    assert got[0].error or got[0].notes or got[0].leaks
    assert got[1].error or 'max_items' in got[1].notes[0] or 'seconds' in got[1].notes[0]


def test_page_not_looked_at(redaction, tmp_path):
    "Who goes by the exit status is told that a page was not looked at to its end"
    from make_leaks import Pdf, letter
    p = Pdf(); p.page(letter() + '0 0 m 9 9 l S\n' * 101_000); (tmp_path/'many.pdf').write_bytes(p.bytes())
    r = redaction('leaks', tmp_path/'many.pdf')
    assert r.status == 1 and r.out == '0 leaks; 1 page not looked at to the end\n' and 'max_items in [leaks] is 100000; the page was not looked at to its end' in r.err
    r = redaction('leaks', tmp_path/'many.pdf', '--format', 'json')
    assert r.status == 1 and 'max_items' in json.loads(r.out)['notes'][0]
