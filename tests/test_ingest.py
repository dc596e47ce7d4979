"""Ingest from outside: a site on the loopback interface that behaves as sites do, a process that is killed, and a picture search."""
import hashlib, json, os, random, signal, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
import cv2
import numpy as np
import pytest
from redaction.catalogue import Catalogue
from redaction.core import sha256
from redaction.ingest import Source, ingest
from redaction.page_images import render_pages

SOUND, BROKEN, COPIES = 178, 12, 10
FETCH = dict(private=True, pause=0., retries=1, back_off=.01, max_seconds=1., max_bytes=5_000_000, timeout=5.)


def pdf(seed, note=b''):
    "A page of a hundred random rectangles"
    r = random.Random(seed)
    content = b'\n'.join(b'%d %d %d %d re f' % (r.randrange(500), r.randrange(700), r.randrange(9, 90), r.randrange(5, 50)) for _ in range(100))
    objs = [b'<</Type/Catalog/Pages 2 0 R>>', b'<</Type/Pages/Kids[3 0 R]/Count 1>>', b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>',
            b'<</Length %d>>stream\n%b\nendstream' % (len(content), content)]
    out, at = b'%PDF-1.4\n' + note, []
    for i, o in enumerate(objs, 1):
        at.append(len(out))
        out += b'%d 0 obj\n%b\nendobj\n' % (i, o)
    table = b''.join(b'%010d 00000 n \n' % a for a in at)
    return out + b'xref\n0 5\n0000000000 65535 f \n%btrailer\n<</Size 5 /Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n' % (table, len(out))


class Site(BaseHTTPRequestHandler):
    "200 PDFs on two index pages, with everything that goes wrong on real sites"
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args): pass

    def head(self, status, length, **more):
        self.send_response(status)
        for k, v in (dict(Content_Length=length) | more).items(): self.send_header(k.replace('_', '-'), str(v))
        self.end_headers()

    def give(self, body, status=200, **more):
        self.head(status, len(body), **more)
        self.wfile.write(body)
        self.server.sent[self.path] = self.server.sent.get(self.path, 0) + len(body)

    def do_GET(self):
        self.server.asked.append(self.path)
        path, files = self.path, self.server.files
        special = getattr(self, 'do_' + path.strip('/').split('.')[0], None) if path in SPECIAL else None
        try:
            if special: return special()
            if path not in files: return self.head(404, 0)
            body, n = files[path], sum(path.encode()) % 3
            tag, when = f'"{hashlib.sha256(body).hexdigest()[:8]}"', 'Mon, 02 Feb 2026 10:00:00 GMT'
            version = dict(ETag=tag) if n == 0 or path.endswith('.html') else dict(Last_Modified=when) if n == 1 else {}
            if 'ETag' in version and self.headers.get('If-None-Match') == tag or 'Last_Modified' in version and self.headers.get('If-Modified-Since') == when: return self.head(304, 0)
            self.give(body, **version, **({'Content_Type': self.server.types[path]} if path in self.server.types else {}))
        except OSError: self.close_connection = True

    def do_huge(self): self.head(200, 300_000_000, Content_Type='application/pdf'); self.close_connection = True
    def do_loop(self): self.head(302, 0, Location='/loop2')
    def do_loop2(self): self.head(302, 0, Location='/loop.pdf')
    def do_page(self): self.give(b'<!DOCTYPE html><title>Sign in</title>' + b' ' * 4000, Content_Type='application/pdf')

    def trickle(self, body, steps, pause):
        self.head(200, len(body), ETag='"slow"')
        size = len(body) // steps + 1
        for i in range(0, len(body), size): self.wfile.write(body[i:i + size]); self.wfile.flush(); time.sleep(pause)

    def do_slow(self): self.head(304, 0) if self.headers.get('If-None-Match') else self.trickle(pdf('slow'), 5, .05)
    def do_crawl(self): self.trickle(pdf('crawl'), 1000, .02)

    def do_cut(self):
        "Hangs up half-way, and gives the rest to whom asks for it"
        body = pdf('cut')
        half = len(body) // 2
        if self.headers.get('If-None-Match'): return self.head(304, 0)
        if self.headers.get('Range') == f'bytes={half}-' and self.headers.get('If-Range') == '"cut"': return self.give(body[half:], 206, Content_Range=f'bytes {half}-{len(body) - 1}/{len(body)}', ETag='"cut"')
        self.head(200, len(body), ETag='"cut"')
        self.wfile.write(body[:half]); self.close_connection = True

    def do_severed(self): self.head(200, 9000); self.wfile.write(pdf('severed')[:500]); self.close_connection = True


SPECIAL = ['/huge.pdf', '/loop.pdf', '/loop2', '/page.pdf', '/slow.pdf', '/cut.pdf', '/severed.pdf', '/crawl.pdf']


def serve(handler):
    "A server on the loopback interface, in a thread"
    server = ThreadingHTTPServer(('127.0.0.1', 0), handler)
    server.daemon_threads, server.files, server.sent, server.asked, server.types = True, {}, {}, [], {}
    server.address = f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def site():
    server = serve(Site)
    names = [f'/files/report-{i:03}.pdf' for i in range(SOUND + BROKEN + COPIES)]
    files = {n: pdf(i) for i, n in enumerate(names[:SOUND])}
    files[names[5]] = pdf(4, b'%% the page of report-004 in other bytes\n')
    files |= {n: pdf(n)[:-200] if i % 2 else b'%PDF-1.4 and then nothing' for i, n in enumerate(names[SOUND:SOUND + BROKEN])}
    files |= {n: files[names[7 * i]] for i, n in enumerate(names[SOUND + BROKEN:])}
    order = names[:]
    random.Random(0).shuffle(order)
    link = lambda paths: ''.join(f'<li><a href="{p}">{p}</a>' for p in paths)
    files['/index.html'] = f'<ul>{link(order[:100] + [s for s in SPECIAL if s != "/loop2"])}</ul><a href="index2.html">2</a> <a href="/about.html">About</a>'.encode()
    files['/index2.html'] = f'<ul>{link(order[100:] + ["/private/a.pdf"])}</ul><a href="/index.html">1</a>'.encode()
    files['/robots.txt'] = b'User-agent: *\nDisallow: /private/\n'
    server.files = files | {'/private/a.pdf': pdf('private')}
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def direct(monkeypatch): monkeypatch.setenv('NO_PROXY', '127.0.0.1')


def run(site, folder, **more): return ingest(folder, [Source('site', 'index', [site.address + '/index.html'])], progress=False, fetch=FETCH | more)


def test_an_index_page_is_read_in_the_encoding_of_its_header(tmp_path):
    site = serve(Site)
    site.files |= {'/list.html': '<a href="r%C3%A9sum%C3%A9.pdf">un</a> <a href="été.pdf">deux</a>'.encode('latin-1'), '/r%C3%A9sum%C3%A9.pdf': pdf('one'), '/%C3%A9t%C3%A9.pdf': pdf('two')}
    site.types['/list.html'] = 'text/html; charset=ISO-8859-1'
    for new in (2, 0):                                            # the second time from our copy, which has no header
        found = ingest(tmp_path, [Source('site', 'index', [site.address + '/list.html'])], progress=False, fetch=FETCH)
        assert found.counts()['site']['took'] == new and not found.counts()['site']['failed'], found
    assert site.asked.count('/list.html') == 2


def test_site(site, tmp_path):
    "One run takes all that is sound and names the rest; a second one takes nothing; ten more are exactly ten"
    first = run(site, tmp_path)
    assert first.counts()['site'] == dict(found=208, took=SOUND + 2, skipped=COPIES, refused=BROKEN + 4, failed=2)
    why = {o.address.removeprefix(site.address): o.why for o in first.outcomes}
    for path, words in [('/huge.pdf', 'claims 300000000 bytes'), ('/loop.pdf', 'in a circle'), ('/page.pdf', 'a web page'), ('/private/a.pdf', 'robots.txt'),
                        ('/crawl.pdf', 'not finished within 1 seconds'), ('/severed.pdf', 'cut half-way'), ('/slow.pdf', ''), ('/cut.pdf', '')]: assert words in why[path] or why[path] == words == ''
    assert '/private/a.pdf' not in site.asked and '/about.html' not in site.asked
    with Catalogue(tmp_path/'catalogue.db') as cat:
        docs = cat.rows('select * from documents where error is null')
        assert len(docs) == SOUND + 2 and all(sha256(tmp_path/d['file']) == d['sha256'] for d in docs)
        assert len(cat.rows("select * from documents where error is not null and file is null")) == BROKEN // 2 + 1  # six of them are the same bytes
        assert sorted(o.why for o in first.of('skipped'))[0].startswith('the same file as report-')

    site.sent.clear()
    second = run(site, tmp_path)
    assert not second.of('took') and site.sent.keys() <= {'/page.pdf', '/robots.txt'} and [o.address for o in second.of('refused')] == [o.address for o in first.of('refused')]

    new = [f'/new/{i}.pdf' for i in range(10)]
    site.files |= {p: pdf(p) for p in new}
    site.files['/index2.html'] += ''.join(f'<a href="{p}">new</a>' for p in new).encode()
    site.sent.clear()
    third = run(site, tmp_path)
    assert [o.address for o in third.of('took')] == [site.address + p for p in new]
    assert site.sent.keys() <= {'/page.pdf', '/robots.txt', '/index2.html', *new}


def test_changed_document(site, tmp_path):
    "A new version of a document is taken beside the old one"
    source = [Source('x', 'address', [site.address + '/files/report-000.pdf', site.address + '/files/report-001.pdf'])]
    go = lambda: [o.what for o in ingest(tmp_path, source, progress=False, fetch=FETCH, recheck_days=0.).outcomes]
    assert go() == ['took', 'took'] and go() == ['skipped', 'skipped']
    tagged = next(p for p in ('/files/report-000.pdf', '/files/report-001.pdf') if sum(p.encode()) % 3 != 1)
    site.files[tagged] = pdf('second version')
    assert sorted(go()) == ['skipped', 'took']


def test_private(site, tmp_path):
    "Without permission nothing of this machine is asked"
    r = run(site, tmp_path, private=False)
    assert [o.what for o in r.outcomes] == ['failed'] and 'not on the public internet' in r.outcomes[0].why and not site.asked


WORK = '''
import json, sys
from redaction.catalogue import Catalogue
from redaction.ingest import Source, ingest
from redaction.page_images import render_pages
folder, address, fetch = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
print('go', flush=True)
ingest(folder, [Source('site', 'index', [address])], progress=False, fetch=fetch)
with Catalogue(folder + '/catalogue.db') as cat: render_pages(cat, folder, progress=False, dpi=20)
print('done', flush=True)
'''


def work(site, folder, kill_after=None):
    "Ingest and render in a process of its own, which may be killed; seconds it worked, or None where it was killed"
    p = subprocess.Popen([sys.executable, '-c', WORK, str(folder), site.address + '/index.html', json.dumps(FETCH)], stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline() == 'go\n'
    start = time.monotonic()
    try: p.wait(kill_after)
    except subprocess.TimeoutExpired: p.send_signal(signal.SIGKILL)
    said = p.communicate(timeout=120)[0]
    if kill_after is None or p.returncode == 0: assert p.returncode == 0 and said == 'done\n'
    return time.monotonic() - start if p.returncode == 0 else None


def state(folder):
    "All that is there, apart from times"
    with Catalogue(folder/'catalogue.db') as cat:
        assert cat.rows('pragma integrity_check') == [dict(integrity_check='ok')]
        text = cat.dump()
    return text, {f.relative_to(folder).as_posix(): sha256(f) for d in ('documents', 'pages', 'index') for f in sorted((folder/d).rglob('*'))}


def test_killed(site, tmp_path):
    "Killed at random moments and started again, it ends where an undisturbed run ends, byte for byte apart from times"
    kills = 20 if os.environ.get('REDACTION_SLOW') else 3
    took = work(site, tmp_path/'calm')
    calm, r, killed = state(tmp_path/'calm'), random.Random(1), 0
    assert calm[0].count('"table": "pages"') == SOUND + 2 and '"duplicate_of": null' in calm[0] and calm[0].count('"duplicate_of": "') == 1
    for i in range(kills): killed += work(site, tmp_path/'rough', r.uniform(0, 1.6 * took / kills if kills < 9 else took / 5)) is None
    assert killed >= kills * .6
    work(site, tmp_path/'rough')
    text, files = state(tmp_path/'rough')
    assert text == calm[0] and files == calm[1]


class Searches(BaseHTTPRequestHandler):
    "Speaks what ddgs expects of two search engines, and serves the pictures"
    def log_message(self, *args): pass

    def do_GET(self):
        at = urlsplit(self.path)
        term = parse_qs(at.query).get('q', [''])[0]
        pictures = [f'{self.server.address}/pictures/{n}' for n in self.server.terms.get(term, [])]
        if at.path == '/images/async':
            item = lambda p: f'''<div><div class="imgpt"><a class="iusc" m='{json.dumps(dict(t=term, murl=p, turl=p, purl=p))}'></a><div class="img_info"><span class="nowrap">9 x 9</span></div></div><div class="infopt"></div></div>'''
            body = f'<html><body>{"".join(map(item, pictures))}</body></html>'.encode()
        elif at.path == '/': body = b'<script>vqd="4-12345"</script>'
        elif at.path == '/i.js': body = json.dumps(dict(results=[dict(title=term, image=p, thumbnail=p, url=p, height=9, width=9, source='x') for p in pictures])).encode()
        else: body = self.server.files.get(at.path, b'')
        self.send_response(200 if body else 404)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize('backend', ['bing', 'duckduckgo'])
def test_search(tmp_path, backend):
    "Pictures of a search end up verified, reduced and sorted by class, whichever engine ddgs asks"
    server, rng = serve(Searches), np.random.default_rng(0)
    noise = lambda ext, h, w: cv2.imencode(ext, rng.integers(0, 255, (h, w, 3), np.uint8))[1].tobytes()
    pictures = dict(a=noise('.png', 300, 200), b=noise('.jpg', 1500, 900), c=noise('.webp', 90, 90), broken=noise('.png', 99, 99)[:5000], page=b'<html>no picture</html>')
    server.files = {f'/pictures/{k}': v for k, v in pictures.items()} | {'/pictures/again': pictures['a']}
    server.terms = {'redacted document': ['a', 'b', 'broken', 'page'], 'typed letter': ['c', 'again', 'missing'], 'empty': []}
    source = Source('pictures', 'search', ['redacted document: redacted', 'typed letter: clean', 'empty: clean'])
    try:
        r = ingest(tmp_path, [source], progress=False, fetch=FETCH, search_base=server.address, search_backend=backend)
        what = {o.address.rpartition('/')[2]: o.what for o in r.outcomes}
        assert what == dict(a='took', b='took', broken='refused', page='refused', c='took', again='skipped', missing='refused') | {'search empty': 'failed'}
        found = {f.parent.name: cv2.imread(str(f)).shape for f in sorted((tmp_path/'search').rglob('*.*')) if max(cv2.imread(str(f)).shape) > 400 or f.parent.name == 'clean'}
        assert len(list((tmp_path/'search'/'redacted').iterdir())) == 2 and found == dict(redacted=(1024, 614, 3), clean=(90, 90, 3))
        with Catalogue(tmp_path/'catalogue.db') as cat:
            assert [d['label'] for d in cat.rows('select label from documents where error is null order by rowid')] == ['redacted', 'redacted', 'clean']
            assert len(render_pages(cat, tmp_path, progress=False)) == 3
        assert not ingest(tmp_path, [source], progress=False, fetch=FETCH, search_base=server.address, search_backend=backend).of('took')
    finally: server.shutdown(); server.server_close()


def test_command_of_settings(site, tmp_path, monkeypatch):
    "Sources and limits come from the settings file"
    (tmp_path/'settings.ini').write_text(f'''[DEFAULT]
[fetch]
private = yes
pause = 0
[ingest]
folder = here
[source site]
index = {site.address}/index2.html
limit = 3
country = NL
''')
    monkeypatch.chdir(tmp_path)
    r = ingest(progress=False)
    assert r.counts()['site']['found'] == 3 and (tmp_path/'here'/'catalogue.db').is_file()
    assert 'site' in str(r) and json.loads(r.to_json())['counts']['site']['found'] == 3
