"""The page in a real browser: upload, look, drag, download, and what it says when something is wrong."""
import csv, io, json, os, secrets
from pathlib import Path
import httpx, pypdfium2, pytest
import serving
from conftest import ROOT
from redaction.predict import detect

pytest.importorskip('gradio')
FILES, LETTER, SHOTS = ROOT/'nbs/files', ROOT/'samples/letter.pdf', os.environ.get('REDACTION_SHOT')
START = '''import sys
from importlib import import_module
from redaction.web import serve_page
module, name = (sys.argv[1:] or [':'])[0].split(':')
serve_page([sys.argv[2]], classifier=getattr(import_module(module), name) if module else None)'''.replace('sys.argv[2]', repr(str(LETTER)))


class Server(serving.Server):
    "A server with the page; Gradio keeps a few empty folders, which hold nothing"
    def configure(self, **changes):
        super().configure(**changes); f = self.folder/'settings.ini'
        f.write_text(f.read_text() + '[web]\nfeedback = kept\n')

    @property
    def files(self): return [p for p in (self.folder/'tmp').rglob('*') if p.is_file()]


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    "A server that takes twelve pages at most, classifies, and keeps corrections in `kept`"
    start, serving.START = serving.START, START
    try: s = Server(tmp_path_factory.mktemp('web')/'s', dict(max_pages=12, watch_seconds=0), 'toy_classifier:setup')
    finally: serving.START = start
    try: s.wait('/healthz'); s.wait(); yield s
    finally: s.close()


@pytest.fixture(scope='module')
def twelve(tmp_path_factory):
    "Twelve pages: letters between pages with one box, with a name that must be escaped"
    path = tmp_path_factory.mktemp('pdf')/'<img src=x onerror=alert(1)>${1}{{2}}.pdf'
    pdf, letter, good = (pypdfium2.PdfDocument.new(), *map(pypdfium2.PdfDocument, (LETTER, FILES/'good.pdf')))
    for i in range(12): pdf.import_pages(letter if i == 2 else good, [i % 2])
    pdf.save(path); return path


@pytest.fixture
def tab(chromium, server):
    "Open the page; nothing may be fetched from elsewhere and no script may fail"
    opened, errors, strangers = [], [], []
    def open(**how):
        context = chromium.new_context(**dict(viewport=dict(width=1280, height=900)) | how); page = context.new_page(); opened.append(context)
        page.set_default_timeout(60_000)
        page.on('pageerror', lambda e: errors.append(str(e))); page.on('dialog', lambda d: errors.append(f'dialog: {d.message}'))
        page.on('request', lambda r: r.url.startswith((server.url, 'data:', 'blob:')) or strangers.append(r.url))
        page.goto(server.url); page.wait_for_selector('#rd-upload input[type=file]', state='attached')
        return page
    yield open
    for c in opened: c.close()
    assert not errors and not strangers


def upload(page, path, into='#rd-upload'): page.set_input_files(f'{into} input[type=file]', path)
def said(page, words, where='#rd-verdict'): page.wait_for_function("([w, q]) => document.querySelector(q)?.innerText.includes(w)", arg=[words, where]); return page.inner_text(where)
def shot(page, name):
    if SHOTS: page.screenshot(path=f'{SHOTS}/{name}.png', full_page=True)


def test_twelve_pages(server, tab, twelve):
    "Verdict, gallery, chart, table; the slider; pages large; the three files"
    page = tab(); upload(page, twelve); verdict = said(page, 'redactions on')
    offline = detect(twelve)
    assert f'{offline.redactions} redactions on {len(offline.redacted_pages)} of 12 pages' in verdict and 'onerror=alert(1)' in verdict
    tiles, columns = page.locator('.rd-tile'), page.locator('#rd-chart [data-page]')
    assert (tiles.count(), columns.count(), page.locator('#rd-table tbody tr').count()) == (len(offline.redacted_pages), 12, offline.redactions)
    page.wait_for_function("() => { const i = document.querySelector('.rd-tile img'); return i.complete && i.naturalWidth > 300 }"); shot(page, 'light')

    asked = lambda: server.metric(f'redaction_answers_total{{model="{offline.model}",role="current"}}')
    before = asked(); assert before
    page.fill('#rd-threshold input[type=number]', '0.9'); page.press('#rd-threshold input[type=number]', 'Enter')
    strict = sum(int((p.detections.score >= .9).sum()) for p in offline); said(page, f'{strict} redaction')
    page.wait_for_function('n => document.querySelectorAll("#rd-table tbody tr").length === n', arg=strict)
    assert asked() == before                                        # the model was not asked again
    page.get_by_label('All pages').check(); page.wait_for_function('() => document.querySelectorAll(".rd-tile").length === 12')

    page.locator('.rd-tile[data-page="3"]').click(); said(page, 'Page 3 of 12', '#rd-view')
    page.wait_for_function("() => { const i = document.querySelector('#rd-view img'); return i.complete && i.naturalWidth > 1000 }")
    wide = page.locator('#rd-view .rd-page').bounding_box()['width']; page.fill('#rd-zoom input[type=number]', '200'); page.press('#rd-zoom input[type=number]', 'Enter')
    page.wait_for_function("w => document.querySelector('#rd-view .rd-page').getBoundingClientRect().width > 1.9 * w", arg=wide)

    def fetch(text):
        with page.expect_download() as d: page.locator('.rd-file', has_text=text).click()
        return d.value.suggested_filename, Path(d.value.path()).read_bytes()
    name, data = fetch('JSON'); doc = json.loads(data)
    assert name.endswith('.json') and (len(doc['pages']), sum(len(p['redactions']) for p in doc['pages'])) == (12, strict) and doc['sha256'] == offline.sha256
    rows = list(csv.DictReader(io.StringIO(fetch('CSV')[1].decode('utf-8-sig')))); assert len(rows) == strict and all(float(r['score']) >= .9 for r in rows)
    text = lambda pdf: [p.get_textpage().get_text_range() for p in pdf]
    with pypdfium2.PdfDocument(fetch('all 12 pages')[1]) as pdf, pypdfium2.PdfDocument(twelve) as source:
        assert text(pdf) == text(source) and any(text(pdf)) and sum(pypdfium2.raw.FPDFPage_GetAnnotCount(p.raw) for p in pdf) == strict
    picture = '/' + page.locator('#rd-view img').get_attribute('src'); assert server.client.get(picture).status_code == 200
    page.context.close(); server.until(lambda: server.client.get(picture).status_code == 404)    # whoever leaves is forgotten
    assert not [p for p in server.files if p.stat().st_size]    # neither the upload nor a file made of it is left


def test_sentences(server, tab, tmp_path):
    "Broken, locked, too long, no document, nothing at all: a sentence each, and the page goes on"
    page = tab()
    broken = tmp_path/'broken.pdf'; broken.write_bytes(LETTER.read_bytes()[:900])
    nothing = tmp_path/'nothing.pdf'; nothing.write_bytes(b'')
    prose = tmp_path/'prose.docx'; prose.write_text('just words')
    many = tmp_path/'many.pdf'; pdf = pypdfium2.PdfDocument.new(); [pdf.new_page(200, 200) for _ in range(3000)]; pdf.save(many)
    for path, words in ((broken, 'is damaged'), (prose, 'neither a PDF nor a picture'), (many, 'too large'), (nothing, 'is empty')):
        upload(page, path); assert len(said(page, words).split()) > 8
        assert page.locator('.rd-tile').count() == 0
    upload(page, FILES/'encrypted_password_secret.pdf'); said(page, 'locked with a password')
    page.fill('#rd-password input', 'wrong'); page.click('#rd-again'); said(page, 'does not open')      # another sentence, so that the click below is not lost on a page that still works
    page.fill('#rd-password input', 'secret'); page.click('#rd-again'); said(page, ' page')
    assert 'does not open' not in page.inner_text('#rd-verdict')


def test_phone(tab):
    "No sideways scrolling on a phone, in the dark, with an example chosen by a tap"
    page = tab(viewport=dict(width=390, height=844), device_scale_factor=2, has_touch=True, is_mobile=True, color_scheme='dark')
    page.tap('.rd-sample'); said(page, 'redactions on'); page.wait_for_selector('#rd-table tbody tr')
    assert page.evaluate('() => [document.documentElement.scrollWidth, innerWidth]') == [390, 390]
    assert page.evaluate("() => { const c = getComputedStyle(document.body).backgroundColor.match(/\\d+/g); return +c[0] + +c[1] + +c[2] < 150 }")
    unnamed = page.evaluate("""() => [...document.querySelectorAll('button, input, textarea, [role=img], img')].filter(e => e.checkVisibility() && e.type !== 'file'
        && !(e.getAttribute('aria-label') || e.getAttribute('alt') || e.innerText?.trim() || e.title || e.labels?.length || e.closest('label')?.innerText.trim() || e.querySelector('svg title, [alt]'))).map(e => e.outerHTML.slice(0, 120))""")
    assert not unnamed
    lower = lambda q: page.locator(q).last.bounding_box()
    number, card = lower('#rd-chart .rd-columns span'), lower('#rd-chart .rd-chart'); assert number['y'] + number['height'] <= card['y'] + card['height']
    shot(page, 'phone')


def test_other_tabs(tab):
    "A page is sorted, a leak is shown as text and not as HTML, and the figures of the model are there"
    page = tab()
    page.get_by_role('tab', name='Text that leaks').click(); page.click('#rd-leak-same'); said(page, 'Choose a document in the first tab', '#rd-leaks')
    page.get_by_role('tab', name='Kind of page').click(); upload(page, LETTER, '#rd-class-upload'); said(page, 'Most likely: clean', '#rd-class')
    page.get_by_role('tab', name='Text that leaks').click(); upload(page, FILES/'leaks/path.leak.pdf', '#rd-leak-upload')
    assert 'Anna Smit' in said(page, 'can still be read', '#rd-leaks')
    page.get_by_role('tab', name='How it works').click(); said(page, 'box F1', '#rd-how'); shot(page, 'how')


def test_feedback(server, tab):
    "A correction is stored with consent only, and then one page of it"
    page, kept = tab(), server.folder/'kept'
    page.click('.rd-sample'); said(page, 'redactions on'); page.locator('.rd-tile').first.click()
    page.get_by_text('Something is wrong on this page').click(); page.locator('#rd-wrong input').first.check(); page.get_by_label('Let me draw').check()
    paper = page.locator('#rd-view .rd-page'); paper.scroll_into_view_if_needed(); box = paper.bounding_box()
    x, y = box['x'] + .3 * box['width'], max(box['y'], 0) + 120
    def stroke(x, y): page.mouse.move(x, y); page.mouse.down(); page.mouse.move(x + 40, y + 20); page.mouse.move(x + 80, y + 40); page.mouse.up()
    stroke(x, y + 80); stroke(x, y); page.mouse.click(x + 5, y + 85)                               # one too many, and away with it
    page.click('#rd-send'); said(page, 'tick the box', '#rd-thanks'); assert not kept.exists()
    dashed, field = page.locator('#rd-view .rd-missed'), page.locator('#rd-missed textarea, #rd-missed input')
    page.fill('#rd-threshold input[type=number]', '0.3'); page.press('#rd-threshold input[type=number]', 'Enter'); page.wait_for_function("() => !document.querySelector('#rd-wrong input:checked')")
    page.wait_for_timeout(300); assert dashed.count() == len(json.loads(field.input_value())) == 1       # what was drawn stays, on the screen and in what is sent
    page.locator('#rd-wrong input').first.check()
    page.locator('#rd-consent input').check(); page.click('#rd-send'); said(page, 'Thank you', '#rd-thanks')
    about, picture = json.loads(next(kept.glob('*.json')).read_text()), next(kept.glob('*.png'))
    (x0, y0, x1, y1), = about['missed']
    assert about['wrong'] == [1] and abs((x1 - x0) / about['width'] - 80 / box['width']) < .01 and picture.stat().st_size > 10_000 and 'letter' not in json.dumps(about)
    assert dashed.count() == 0 and not field.input_value()
    page.locator('#rd-consent input').check(); page.click('#rd-send'); said(page, 'draw what is missed', '#rd-thanks'); assert len(list(kept.glob('*.json'))) == 1   # nothing to correct
    page.locator('.rd-tile').last.click(); page.wait_for_function("() => !document.querySelector('#rd-thanks').innerText.trim()")


def test_cancel_and_client(server, tab, twelve):
    "Cancelling says so and leaves nothing; `gradio_client` gets what the API gives"
    page = tab(); upload(page, twelve); page.click('#rd-cancel'); said(page, 'Stopped')
    from gradio_client import Client, handle_file
    client = Client(server.url, verbose=False)
    got = client.predict(handle_file(LETTER), None, api_name='/detect'); client.close()
    assert got['pages'] == server.detect(LETTER).json()['pages']


def test_fingers(server, tab):
    "A palm beside the drawing finger, and a touch that the system takes away, store no box that nobody drew"
    page = tab(viewport=dict(width=390, height=844), has_touch=True, is_mobile=True); page.tap('.rd-sample'); said(page, 'redactions on')
    page.get_by_text('Something is wrong on this page').tap(); page.get_by_label('Let me draw').check()
    paper = page.locator('#rd-view .rd-page'); paper.scroll_into_view_if_needed(); box = paper.bounding_box(); x, y = box['x'] + 40, max(box['y'], 0) + 60
    cdp = page.context.new_cdp_session(page); touch = lambda type, *at: cdp.send('Input.dispatchTouchEvent', dict(type=type, touchPoints=[dict(x=a, y=b, id=i) for i, (a, b) in at]))
    kept = lambda: json.loads(page.locator('#rd-missed textarea, #rd-missed input').input_value() or '[]'); dashed = page.locator('#rd-view .rd-missed')
    touch('touchStart', (0, (x, y))); touch('touchMove', (0, (x + 30, y + 20))); touch('touchMove', (0, (x + 60, y + 40))); touch('touchEnd'); assert len(kept()) == dashed.count() == 1
    touch('touchStart', (0, (x, y + 80))); touch('touchMove', (0, (x + 30, y + 100))); touch('touchStart', (0, (x + 30, y + 100)), (1, (x + 150, y + 150)))
    touch('touchMove', (0, (x + 60, y + 120)), (1, (x + 150, y + 150))); touch('touchEnd'); assert len(kept()) == dashed.count() == 1
    touch('touchStart', (0, (x, y + 80))); touch('touchMove', (0, (x + 60, y + 120))); touch('touchCancel'); page.locator('#rd-wrong input').first.tap()
    page.wait_for_timeout(300); assert len(kept()) == dashed.count() == 1


def test_the_later_choice_counts(server, tab, twelve):
    "A second document while the first is being read: the second is shown, and nothing is kept of the first; neither is anything of one that was taken back"
    page = tab(); upload(page, twelve); page.wait_for_selector('#rd-wait'); page.click('.rd-sample')
    verdict = said(page, 'redactions on'); assert 'letter.pdf' in verdict
    page.wait_for_timeout(3000); assert page.inner_text('#rd-verdict') == verdict and ' of 2:' in page.inner_text('#rd-view')
    assert not [p for p in server.files if p.stat().st_size]
    upload(page, twelve); page.wait_for_selector('#rd-wait'); page.get_by_label('Clear').first.click(); said(page, 'Stopped')


def test_out_of_range(tab):
    "A number typed outside a slider's range counts as its nearest end; nothing ends in an error"
    page = tab(); page.click('.rd-sample'); verdict = said(page, 'redactions on')
    def type(where, value): page.fill(f'{where} input[type=number]', value); page.press(f'{where} input[type=number]', 'Enter')
    type('#rd-threshold', '7'); said(page, 'Showing', '.rd-quiet'); page.wait_for_function("v => document.querySelector('#rd-verdict').innerText !== v", arg=verdict)
    type('#rd-number', '99'); said(page, 'Page 2 of 2', '#rd-view'); type('#rd-number', '-3'); said(page, 'Page 1 of 2', '#rd-view')
    assert page.get_by_text('Error', exact=True).count() == 0


def send(server, fn, data):
    "Call a function of the page as a browser does, with whatever data; all that is answered, as text"
    client, session = server.client, secrets.token_hex(6)
    r = client.post('/gradio_api/queue/join', json=dict(data=data, fn_index=fn, session_hash=session))
    if r.status_code != 200: return r.text
    said = ''
    with client.stream('GET', f'/gradio_api/queue/data?session_hash={session}') as answer:
        for line in answer.iter_lines():
            said += line
            if any(end in line for end in ('process_completed', 'close_stream', 'unexpected_error')): return said
    return said


def as_upload(path, **more): return dict(path=str(path), meta={'_type': 'gradio.FileData'}, **more)


def test_no_file_of_the_server(server, tmp_path):
    "Whatever function of the page is sent the path of somebody's file: it is not read, not shown, not copied and not deleted"
    words = f'secret {secrets.token_hex(8)}'
    secret, letter = tmp_path/'secret.env', tmp_path/'letter.pdf'; secret.write_text(words); letter.write_bytes(LETTER.read_bytes())
    config = server.client.get('/config').json(); states = {c['id'] for c in config['components'] if c['type'] == 'state'}
    at, = server.client.post('/gradio_api/upload', files=dict(files=('letter.pdf', LETTER.read_bytes()))).json()
    detect, = (f for f in config['dependencies'] if f['api_name'] == 'detect'); assert '"redactions"' in send(server, detect['id'], [as_upload(at), None])  # what is an upload is looked at
    for path in (secret, letter):
        for f in config['dependencies']:
            if not f['backend_fn'] or not f['inputs']: continue
            for at, more in ((path, {}), (path, dict(is_stream=True)), (path, dict(url=f'file://{path}')), (f'file://{path}', {}), (f'{server.url}/api/docs', {})):
                said = send(server, f['id'], [None if i in states else as_upload(at, **more) for i in f['inputs']])
                assert words not in said and '/look/' not in said and '"redactions"' not in said, (f['id'], said[:300])
    assert secret.read_text() == words and letter.exists()
    assert not any(words in p.read_bytes().decode('latin-1') or p.name in ('secret.env', 'letter.pdf') for p in server.files)


def test_too_much(server):
    "A body that is no document is small, however it is sent; so are all documents of one upload together"
    post = server.client.post
    refused = lambda: sum(float(l.rsplit(' ', 1)[1]) for l in server.client.get('/metrics').text.splitlines() if l.startswith('redaction_requests_total{') and 'status="413"' in l)
    before = refused()
    assert post('/gradio_api/queue/join', content=b'x' * 2_000_000, headers={'Content-Type': 'application/json'}).status_code == 413
    assert post('/gradio_api/queue/join', content=(b'x' * 100_000 for _ in range(20))).status_code == 413
    many = [('files', (f'{i}.pdf', b'%PDF-' + bytes(4_000_000))) for i in range(20)]
    r = post('/gradio_api/upload', files=many); assert r.status_code == 413 and r.json()['error']['code'] == 'too_large', r.text
    assert refused() == before + 3
    server.until(lambda: not server.files, 90)


def test_the_api_beside_the_page(server):
    "With a page mounted at the root, the API still answers for itself"
    ask = lambda method, path: server.client.request(method, path)
    assert [(r := ask(m, p)).status_code for m, p in (('HEAD', '/healthz'), ('HEAD', '/readyz'), ('GET', '/api/v1/detect'), ('DELETE', '/api/v1/model'), ('GET', '/api/v2'))] == [200, 200, 405, 405, 404]
    assert r.json()['error']['code'] == 'not_found' and ask('GET', '/api/v1/detect').json()['error']['code'] == 'method_not_allowed' and 'POST' in ask('GET', '/api/v1/detect').headers['allow']


def test_keys(tmp_path):
    "Where the service asks for keys, the page does too"
    start, serving.START = serving.START, START
    try: s = Server(tmp_path/'s', dict(api_keys='sesame,schlüssel', watch_seconds=0))
    finally: serving.START = start
    try:
        s.wait()
        file = dict(files=('letter.pdf', LETTER.read_bytes()))
        assert s.client.post('/gradio_api/upload', files=file).status_code == 401 and s.detect(LETTER).status_code == 401
        assert [s.client.get('/api/v1/model', headers={'Authorization': f'Bearer {k}'.encode()}).status_code for k in ('sesame', 'schlüssel', 'guess')] == [200, 200, 401]
        with httpx.Client(base_url=s.url, timeout=60) as known:
            assert known.post('/login', data=dict(username='me', password='guess')).status_code == 400
            assert known.post('/login', data=dict(username='me', password='sesame')).status_code == 200
            assert known.post('/gradio_api/upload', files=file).status_code == 200
    finally: s.close()
