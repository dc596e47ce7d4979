"""The report in a real chromium: a hostile document shows as text, nothing is asked of the network, and it fits a phone and paper."""
import csv, io, json, os
import pytest
from PIL import Image
from conftest import ROOT
from redaction.core import sha256

BAD = '"><script>window.hacked=1</script><img src=x onerror="window.hacked=2"><svg onload=window.hacked=3>'
NAME = "'\"><img src=x onerror=window.hacked=4>.pdf"      # a file may have such a name


def hostile_pdf(path):
    "A real PDF whose title holds a script"
    import pikepdf
    pdf = pikepdf.new(); pdf.add_blank_page(page_size=(200, 300)); pdf.add_blank_page(page_size=(200, 300))
    pdf.docinfo['/Title'], pdf.docinfo['/CreationDate'] = f'Title {BAD}', 'D:19990102000000Z'
    pdf.save(path)


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    "A report of a hostile document, a harmless one, and one that could not be read"
    from redaction.report import write_report
    folder = tmp_path_factory.mktemp('report')
    hostile_pdf(folder/NAME); Image.new('RGB', (200, 300), 'white').save(folder/'clean.png')
    box = dict(bbox=[10, 10, 150, 60], score=.9, kind='black', code=f'(b)(6), {BAD}', text=f'=cmd|{BAD}')
    page = lambda n, boxes: dict(page=n, width=200, height=300, unit='pt', redacted_share=.1, content_share=.1, redactions=boxes)
    rows = [dict(document=NAME, sha256=sha256(folder/NAME), model=f'm {BAD}', error=None, pages=[page(1, [box]), page(2, [])]),
        dict(document='clean.png', sha256=sha256(folder/'clean.png'), model='m', error=None, pages=[page(1, [])]),
        dict(document=f'gone {BAD}', sha256=None, model='m', error=f'gone {BAD}: no such file', pages=[])]
    (folder/'found.jsonl').write_text('\n'.join(map(json.dumps, rows)) + '\n')
    return write_report(folder/'found.jsonl', folder/'report.html', title=f'Report {BAD}', files=folder)


def opened(chromium, report, **how):
    "The report in a new tab, and every request it was let make"
    page, asked = chromium.new_page(**how), []
    page.on('requestfinished', lambda r: asked.append(r.url)); page.on('dialog', lambda d: (asked.append('dialog'), d.dismiss()))
    page.goto(report.as_uri()); page.wait_for_timeout(200)
    return page, [u for u in asked if not u.startswith('data:')]


def test_hostile(chromium, report):
    "Title, file name, metadata, code, text, model and error show as text and run nothing"
    page, asked = opened(chromium, report)
    assert asked == [report.as_uri()]
    assert page.evaluate('window.hacked') is None and page.evaluate('document.scripts.length') == 0
    assert page.evaluate("document.querySelectorAll('img:not([src^=\"data:\"]), [onerror], [onload], iframe, object, link, form').length") == 0
    text = page.inner_text('body')
    assert page.title() == f'Report {BAD}'
    for shown in (f'Report {BAD}', NAME, f'Title {BAD}', f'=cmd|{BAD}', f'gone {BAD}', f'm {BAD}'): assert ' '.join(shown.split()) in ' '.join(text.split()), shown
    assert 'Personal privacy' in text and '1999' in text and '<script>window.hacked=1</script>' in text
    page.close()


def test_no_script_without_escape(chromium, tmp_path):
    "Even where an escape were forgotten, the page's own policy runs nothing"
    from redaction.report_parts import Html, page as make
    (tmp_path/'r.html').write_text(make('x', Html(f'<p>{BAD}</p>')))
    page, asked = opened(chromium, tmp_path/'r.html')
    assert page.evaluate('window.hacked') is None and len(asked) == 1
    page.close()


@pytest.mark.parametrize('width, scheme', [(390, 'light'), (1280, 'light'), (1280, 'dark')])
def test_fits(chromium, report, width, scheme):
    "No sideways scrolling, the figures in sight, and the colours of the reader's choice"
    page, _ = opened(chromium, report, viewport=dict(width=width, height=900), color_scheme=scheme)
    assert page.evaluate('document.documentElement.scrollWidth') <= width
    assert page.locator('.figure').first.bounding_box()['y'] < 900
    dark = sum(map(int, page.evaluate('getComputedStyle(document.body).backgroundColor').removeprefix('rgb(').rstrip(')').split(','))) < 200
    assert dark == (scheme == 'dark')
    im = Image.open(io.BytesIO(page.screenshot())).convert('L')
    assert im.getextrema()[1] - im.getextrema()[0] > 150
    page.close()


def test_pictures_and_paper(chromium, report):
    "The page with the redaction is shown with its outline, and the report prints"
    page, _ = opened(chromium, report)
    assert page.locator('.pages img').count() == 1 and page.evaluate("document.querySelector('.pages img').naturalWidth") == 600
    pdf = page.pdf(format='A4')
    assert pdf[:5] == b'%PDF-' and len(pdf) > 10_000
    page.close()


def test_tables(report):
    "The CSV files hold every document and redaction, and no formula"
    rows = {n: list(csv.DictReader(io.StringIO(report.with_name(f'report.{n}.csv').read_text('utf-8-sig')))) for n in ('documents', 'redactions')}
    assert [r['document'] for r in rows['documents']][1:] == ['clean.png', f'gone {BAD}'] and rows['documents'][0]['year'] == '1999'
    assert {k for k, v in rows['documents'][2].items() if v} == {'document', 'error'} and rows['documents'][1]['redactions'] == '0' and rows['documents'][1]['leaks'] == ''  # nothing is known of a document that wasn't read, nor of leaks where none is told
    assert rows['redactions'][0]['text'] == f"'=cmd|{BAD}" and len(rows['redactions']) == 1
    assert sorted(p.name for p in report.parent.glob('*report*')) == ['report.documents.csv', 'report.html', 'report.redactions.csv']


def test_from_a_scan(tmp_path):
    "The folder of a finished scan is taken as well"
    pytest.importorskip('pyarrow')
    from redaction.report import write_report
    from redaction.scan import scan
    scan([ROOT/'samples/letter.pdf'], tmp_path/'scan', workers=1, progress=False)
    html = write_report(tmp_path/'scan', tmp_path/'r.html').read_text()
    assert 'letter.pdf' in html and 'data:image/jpeg' in html and 'redaction leaks' in html and '--codes' in html


def test_odd_name(redaction, tmp_path):
    "A page of a document whose name is not UTF-8 is shown, from a scan as from `detect`"
    pytest.importorskip('pyarrow')
    (tmp_path/'in').mkdir(); odd = os.fsencode(tmp_path/'in') + b'/caf\xe9.pdf'
    with open(odd, 'wb') as f: f.write((ROOT/'samples/letter.pdf').read_bytes())
    (tmp_path/'found.jsonl').write_text(redaction('detect', tmp_path/'in', '--format', 'json').out)
    assert redaction('scan', tmp_path/'in', '--out', tmp_path/'out', '--jsonl', '--workers', 1).status == 0
    assert (tmp_path/'found.jsonl').read_text() == (tmp_path/'out/documents.jsonl').read_text()
    for source in ('found.jsonl', 'out'):
        assert redaction('report', tmp_path/source, '--out', tmp_path/'r.html').status == 0
        html = (tmp_path/'r.html').read_text(); assert 'data:image/jpeg' in html and r'caf\xe9.pdf' in html


def test_never_over_its_source(redaction, letter, tmp_path):
    "A report is not written over what it is made from, nor over a device"
    (tmp_path/'found.jsonl').write_text(redaction('detect', letter, '--format', 'json').out); before = (tmp_path/'found.jsonl').read_bytes()
    for out in (tmp_path/'found.jsonl', '/dev/null'):
        r = redaction('report', tmp_path/'found.jsonl', '--out', out)
        assert r.status == 2 and len(r.err.splitlines()) == 1 and str(out) in r.err
    assert (tmp_path/'found.jsonl').read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ['found.jsonl']


@pytest.mark.skipif(not os.environ.get('REDACTION_SLOW'), reason='set REDACTION_SLOW=1: counts 6,000 documents')
def test_large(tmp_path):
    "Memory stays level over a large collection"
    import tracemalloc
    from redaction.core import Detections, Document, Page
    from redaction.report import write_report
    def documents(n):
        for i in range(n): yield Document(f'{i:06d}.pdf', None, [Page(1, 600, 800, 'pt', Detections([[10, 10, 300, 10 + i % 700]], code=['(b)(6)']))])
    peaks = []                                # tracemalloc makes it slow
    for n in (1_000, 5_000):
        tracemalloc.start(); write_report(documents(n), tmp_path/f'{n}.html', thumbnails=0); peaks.append(tracemalloc.get_traced_memory()[1]); tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1_000_000
