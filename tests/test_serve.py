"""The API from outside: a real server on loopback, its answers, its refusals, and what it survives."""
import json, os, random, re, shutil, signal, socket, sqlite3, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import httpx, pypdfium2
import pytest
from conftest import ROOT
from redaction.classifier import shipped
from serving import Server, running

FILES, LETTER = ROOT/'nbs/files', ROOT/'samples/letter.pdf'
SLOW = os.environ.get('REDACTION_SLOW')


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    "A server with small limits"
    with running(tmp_path_factory.mktemp('serve')/'s', max_bytes=3_000_000, max_pages=20, page_seconds=1, seconds=60, queue=3, idle_seconds=.5, upload_seconds=3, log='requests.sqlite') as s: yield s


def many_pages(path, n):
    "A PDF of `n` pages, each some tenth of a second of work"
    pdf, two = pypdfium2.PdfDocument.new(), pypdfium2.PdfDocument(FILES/'good.pdf')
    for _ in range(n // 2): pdf.import_pages(two)
    pdf.save(path); return path


@pytest.fixture(scope='module')
def long_document(tmp_path_factory): return many_pages(tmp_path_factory.mktemp('long')/'long.pdf', 20)


def offline(redaction, *paths):
    "What the command line says"
    return [json.loads(line) for line in redaction('detect', *paths, '--format', 'json').out.splitlines()]


def refused(r, status, code):
    "Whether an answer is a refusal of the one shape"
    error = r.json()['error']
    return (r.status_code, error['code'], set(error), error['request_id'], bool(error['message'])) == (status, code, {'code', 'message', 'request_id'}, r.headers['x-request-id'], True)


def test_contract(server, redaction):
    "The same JSON as the command line's, as a form, as a raw body, and from curl"
    paths = [LETTER, FILES/'good.pdf', FILES/'rotated_90.pdf', FILES/'page.png', FILES/'page.webp', FILES/'exif_rotated.jpg', FILES/'three_frames.tif', FILES/'encrypted_empty_password.pdf']
    for path, want in zip(paths, offline(redaction, *paths)):
        want['document'] = path.name
        assert server.detect(path).json() == want
        raw = server.client.post('/api/v1/detect', content=path.read_bytes(), params=dict(name=path.name), headers={'Content-Type': 'application/octet-stream'})
        assert raw.status_code == 200 and raw.json() == want


def curl(*args): return subprocess.run(['curl', '-sS', *map(str, args)], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not shutil.which('curl'), reason='curl is not installed')
def test_curl(server, redaction):
    "As the README shows it, and with a document that is too large"
    want, = offline(redaction, LETTER)
    assert json.loads(curl('-F', f'file=@{LETTER}', f'{server.url}/api/v1/detect')) == want | dict(document='letter.pdf')
    assert json.loads(curl('-H', 'Content-Type: application/pdf', '--data-binary', f'@{LETTER}', f'{server.url}/api/v1/detect?name=letter.pdf')) == want | dict(document='letter.pdf')
    big = server.folder/'big.pdf'; big.write_bytes(b'%PDF-1.7' + bytes(8_000_000))
    for how in (['-F', f'file=@{big}'], ['-H', 'Content-Type: application/pdf', '--data-binary', f'@{big}'], ['-H', 'Content-Type: application/pdf', '-H', 'Expect:', '--data-binary', f'@{big}']):
        said = curl('-w', '%{http_code}', *how, f'{server.url}/api/v1/detect')
        assert said.endswith('413') and 'too_large' in said


def test_options(server, redaction):
    "The threshold and the resolution mean what they mean on the command line"
    for options in (dict(threshold=.97), dict(dpi=100)):
        args = [f'--{k}={v}' for k, v in options.items()]
        want, = [json.loads(line) for line in redaction('detect', LETTER, '--format', 'json', *args).out.splitlines()]
        assert server.detect(LETTER, **options).json()['pages'] == want['pages']


def test_password(server):
    "An encrypted document asks for its password, and opens with it"
    locked = FILES/'encrypted_password_secret.pdf'
    asked = server.detect(locked)
    assert refused(asked, 422, 'encrypted') and 'X-Document-Password' in asked.json()['error']['message']
    wrong, right = (server.client.post('/api/v1/detect', files=dict(file=locked.open('rb')), headers={'X-Document-Password': p}) for p in ('guess', 'secret'))
    assert refused(wrong, 422, 'encrypted') and right.status_code == 200


@pytest.mark.parametrize('name, status, code', [
    ('empty.pdf', 422, 'empty'), ('no_pages.pdf', 422, 'empty'), ('not_a_pdf.pdf', 422, 'not_a_document'), ('truncated.pdf', 422, 'damaged'), ('truncated.jpg', 422, 'damaged'), ('truncated.tif', 422, 'damaged'),
    ('broken_inside.pdf', 422, 'damaged'), ('damaged_second_page.pdf', 422, 'damaged'), ('encrypted_unknown_handler.pdf', 422, 'encrypted'), ('huge_page.pdf', 422, 'limit'), ('ribbon_page.pdf', 422, 'limit'),
    ('bomb.png', 422, 'limit'), ('bomb_image.pdf', 422, 'limit'), ('bomb_image_in_form.pdf', 422, 'limit'), ('slow_page.pdf', 504, 'timeout'), ('stuck_page.pdf', 504, 'timeout')])
def test_refusals(server, name, status, code):
    "Each bad document has its status and code, and the next one is answered"
    assert refused(server.detect(FILES/name), status, code)
    assert server.detect(FILES/'good.pdf').status_code == 200


def test_too_many_pages(server, long_document):
    "A document of more pages than are allowed is refused before it is read"
    assert server.detect(long_document).status_code == 200
    r = server.detect(many_pages(server.folder/'longer.pdf', 22))
    assert refused(r, 422, 'limit') and '22 pages; max_pages is 20' in r.json()['error']['message']


def test_too_large(server):
    "Too many bytes are refused by their announced length, and by counting where none was announced"
    pieces = lambda: (b'x' * 100_000 for _ in range(60))
    assert refused(server.client.post('/api/v1/detect', content=b'x' * 6_000_000), 413, 'too_large')
    assert refused(server.client.post('/api/v1/detect', content=pieces()), 413, 'too_large')


def test_wrong_requests(server):
    "What the API's page does not describe is refused in the same shape"
    post = server.client.post
    for r, status, code in [
            (post('/api/v1/detect', json={}), 415, 'media_type'), (post('/api/v1/detect', files=dict(other=b'x')), 422, 'invalid'), (post('/api/v1/detect', data=dict(file='x'), files=dict(a=b'')), 422, 'invalid'),
            (post('/api/v1/detect', content=b'x', headers={'Content-Type': 'multipart/form-data'}), 422, 'invalid'), (post('/api/v1/detect'), 422, 'empty'),
            (server.detect(LETTER, treshold=.5), 422, 'invalid'), (server.detect(LETTER, threshold='nan'), 422, 'invalid'), (server.detect(LETTER, dpi=0), 422, 'invalid'),
            (server.client.get('/api/v1/detect'), 405, 'method_not_allowed'), (server.client.get('/api/v2/detect'), 404, 'not_found'), *([] if shipped() else [(post('/api/v1/classify', content=LETTER.read_bytes()), 501, 'no_classifier')])]:
        assert refused(r, status, code), (r.status_code, r.text)


def trickle(server, head, pieces, pause):
    "Send a body slowly through a bare socket; the answer"
    host, port = server.url.removeprefix('http://').split(':')
    with socket.create_connection((host, int(port)), timeout=20) as s:
        s.sendall(f'POST /api/v1/detect HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\n{head}\r\n\r\n'.encode())
        try:
            for p in pieces: s.sendall(p); time.sleep(pause)
        except OSError: pass                                        # refused while still sending
        said = b''
        while b'}}' not in said and (piece := s.recv(10_000)): said += piece
        return said.decode()


@pytest.mark.parametrize('head, pieces, pause', [('Content-Length: 1000', [b'x'], 0), ('Content-Length: 1000', [b'x'] * 30, .2), ('Transfer-Encoding: chunked', [b'1\r\nx\r\n'], 0)])
def test_slow_upload(server, head, pieces, pause):
    "A body that stops, or that never ends, is given up"
    said = trickle(server, head, pieces, pause)
    assert ' 408 ' in said.splitlines()[0] and 'slow_upload' in said


def test_model_and_states(server):
    "What is answering, and that it is well"
    about, shipped = server.client.get('/api/v1/model').json(), json.loads((ROOT/'redaction/models/default/model.json').read_text())
    assert (about['name'], about['version'], about['sha256']) == (shipped['name'], shipped['version'], shipped['sha256']) and about['limits']['max_pages'] == 20
    assert about['card'] == (ROOT/'redaction/models/default/README.md').read_text()
    assert server.client.get('/healthz').json() == dict(status='ok') and server.client.get('/readyz').json() == dict(status='ready')
    assert server.client.get('/api/docs').status_code == 200


def test_worker_killed(server, long_document, redaction):
    "A worker killed in the middle of a request is replaced, and the request is answered all the same"
    before = server.metric('redaction_workers{role="current",what="crashed"}')
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(server.detect, long_document, httpx.Client(base_url=server.url, timeout=60))
        server.until(lambda: server.metric('redaction_in_flight'))
        time.sleep(.5)
        for w in server.workers: w.kill()
        got = answer.result()
    assert got.status_code == 200 and got.json()['pages'][:2] == server.detect(FILES/'good.pdf').json()['pages'] and len(got.json()['pages']) == 20
    assert server.metric('redaction_workers{role="current",what="crashed"}') == before + 1 and len(server.workers) == 1


def test_sender_gone(server, long_document):
    "A sender who hangs up gives the worker back"
    with pytest.raises(httpx.ReadTimeout): server.detect(long_document, httpx.Client(base_url=server.url, timeout=.5))
    start = time.monotonic()
    assert server.detect(FILES/'page.png').status_code == 200 and time.monotonic() - start < 10
    server.until(lambda: server.metric('redaction_errors_total{code="cancelled"}'))


def test_too_many(server, long_document):
    "Past the line's end requests are refused at once with Retry-After; those in line are answered rightly"
    want = server.detect(LETTER).json()
    busy = threading.Thread(target=server.detect, args=(long_document, httpx.Client(base_url=server.url, timeout=60)))
    busy.start(); server.until(lambda: server.metric('redaction_in_flight'))
    with ThreadPoolExecutor(10) as pool: got = list(pool.map(lambda _: server.detect(LETTER, httpx.Client(base_url=server.url, timeout=60)), range(10)))
    busy.join()
    answered, turned = [r for r in got if r.status_code == 200], [r for r in got if r.status_code == 429]
    assert len(answered) == 3 and len(turned) == 7 and all(r.json() == want for r in answered)
    assert all(refused(r, 429, 'busy') and 1 <= int(r.headers['retry-after']) <= 60 for r in turned)


def test_figures(server):
    "The metrics and the request log know what happened, and agree"
    server.detect(FILES/'truncated.pdf')
    before = server.metric('redaction_requests_total{route="/api/v1/detect",status="200"}')
    server.client.post('/api/v1/detect', content=LETTER.read_bytes(), headers={'Content-Type': 'application/pdf', 'X-Request-ID': 'figures-1'})
    assert server.metric('redaction_requests_total{route="/api/v1/detect",status="200"}') == before + 1
    text = server.client.get('/metrics').text
    for name in ('redaction_stage_seconds_bucket{le="0.5",stage="detect"}', 'redaction_pages_total{model="redaction-detector', 'redaction_boxes_total{kind="black"}', 'redaction_queue_length 0.0', 'redaction_ready 1.0',
                 'redaction_errors_total{code="damaged"}', 'redaction_model_info{model="redaction-detector'): assert name in text, name
    db = sqlite3.connect(server.folder/'requests.sqlite')
    pages, boxes, status, role = db.execute("SELECT pages, boxes, status, role FROM requests WHERE request = 'figures-1'").fetchone()
    found = server.detect(LETTER).json()
    assert (pages, boxes, status, role) == (2, sum(len(p['redactions']) for p in found['pages']), 200, 'current')
    assert 'damaged' in {c for c, in db.execute('SELECT DISTINCT code FROM requests')}


def test_nothing_said_of_documents(server):
    "Neither a name, nor a password, nor what was sent is in the log, in the request log or in the metrics"
    server.client.post('/api/v1/detect', params=dict(name='ministry-of-quiet.pdf'), content=b'the quiet words', headers={'X-Document-Password': 'quiet-key'})
    server.client.get('/api/v1/quiet-path', params=dict(q='quiet-option'), headers={'X-Request-ID': 'quiet id'})
    server.client.request('QUIET', '/healthz')
    everything = (server.folder/'server.log').read_bytes() + (server.folder/'requests.sqlite').read_bytes() + server.client.get('/metrics').content
    assert not re.findall(rb'(?i).{9}quiet[^"].{9}', everything.replace(b'"QUIET"', b''))
    assert all({'time', 'level', 'event'} <= set(line) for line in server.log)
    assert {line['request_id'] for line in server.log if line['event'] == 'request'} >= {'figures-1'}


def test_large_upload_leaves_nothing(server, long_document):
    "A document that does not fit in memory's share leaves no file, also when its sender goes"
    assert server.detect(b'%PDF-1.7' + bytes(2_500_000)).status_code == 422
    trickle(server, 'Content-Length: 2500000', [bytes(2_000_000)], 0)
    assert not server.files


def package(folder, **changes):
    "A copy of the package that ships, with other words in model.json"
    shutil.copytree(ROOT/'redaction/models/default', folder)
    about = json.loads((folder/'model.json').read_text()) | changes
    (folder/'model.json').write_text(json.dumps(about))
    return folder


class Load:
    "Senders that never stop; every status they saw"
    def __init__(self, server, documents):
        self.server, self.documents, self.seen, self.stop = server, documents, [], threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(i,)) for i in range(2)]

    def send(self, i):
        pick = random.Random(i)
        with httpx.Client(base_url=self.server.url, timeout=60) as client:
            while not self.stop.is_set():
                data = pick.choice(self.documents); r = self.server.detect(data, client)
                self.seen.append((r.status_code, data, r.json().get('model', ''), [len(p['redactions']) for p in r.json().get('pages', [])]))
                time.sleep(.15)

    def __enter__(self): [t.start() for t in self.threads]; return self
    def __exit__(self, *args): self.stop.set(); [t.join() for t in self.threads]
    def models(self, since=0): return {m.split()[-1] for _, _, m, _ in self.seen[since:]}


def test_rollout(tmp_path):
    "Swap, failing model, shadow and canary under load: no request fails, and each document keeps its model"
    pages = [(FILES/'page.png').read_bytes() + bytes([i]) for i in range(8)]          # the same picture under eight fingerprints
    version = lambda: server.client.get('/api/v1/model').json()['version']
    with running(tmp_path/'s', log='requests.sqlite') as server, Load(server, pages) as load:
        first = version()
        server.until(lambda: len(load.seen) > 3)
        server.configure(model=package(tmp_path/'second', version='2.0.0')); server.until(lambda: version() == '2.0.0')
        at = len(load.seen); server.until(lambda: len(load.seen) > at + 8)
        assert load.models(at + 4) == {'2.0.0'} and first in load.models()

        damaged = package(tmp_path/'damaged', version='3.0.0'); (damaged/'model.onnx').write_bytes(b'nothing')
        for bad in (damaged, package(tmp_path/'blind', version='3.0.1', threshold=1.0), tmp_path/'gone'):
            n = server.metric('redaction_model_changes_total{role="current",what="refused"}'); server.configure(model=bad)
            server.until(lambda: server.metric('redaction_model_changes_total{role="current",what="refused"}') > n)
            assert version() == '2.0.0' and server.client.get('/readyz').status_code == 200

        server.configure(model=tmp_path/'second', shadow=package(tmp_path/'shadow', version='4.0.0', threshold=.9)); os.kill(server.process.pid, signal.SIGHUP)
        server.until(lambda: server.metric('redaction_shadow_total{result="same"}') + server.metric('redaction_shadow_total{result="differs"}') > 3)
        assert server.client.get('/api/v1/model').json()['beside']['shadow']['version'] == '4.0.0' and '4.0.0' not in load.models()

        server.configure(shadow='', canary=package(tmp_path/'canary', version='5.0.0'), canary_share=.5)
        server.until(lambda: '5.0.0' in load.models()); at = len(load.seen); server.until(lambda: len(load.seen) > at + 20)
        by_document = {}
        for _, data, model, _ in load.seen[at:]: by_document.setdefault(data, set()).add(model.split()[-1])
        assert all(len(m) == 1 for m in by_document.values()) and load.models(at) == {'2.0.0', '5.0.0'}

        shutil.rmtree(tmp_path/'canary'); [w.kill() for w in server.workers]  # the current model's comes back, the canary's can't
        server.until(lambda: server.metric('redaction_answers_total{model="",role="canary failed"}') > 1)
    assert {status for status, *_ in load.seen} == {200} and len({str(boxes) for *_, boxes in load.seen}) == 1
    assert {r for r, in sqlite3.connect(tmp_path/'s/requests.sqlite').execute('SELECT DISTINCT role FROM requests WHERE status = 200')} == {'current', 'canary', 'shadow'}


def test_starting_and_stopping(tmp_path):
    "Alive before it is ready; when told to stop, a request that is being answered is answered; and the key is asked for"
    s = Server(tmp_path/'s', dict(api_keys='sesame, other', seconds=5))
    try:
        s.wait('/healthz'); early = s.client.get('/readyz')
        assert early.status_code == 200 or refused(early, 503, 'starting') and early.headers['retry-after']
        s.wait()
        assert refused(s.detect(LETTER), 401, 'unauthorized') and refused(s.client.get('/api/v1/model', headers={'Authorization': 'Bearer sesam'}), 401, 'unauthorized')
        s.client.headers['Authorization'] = 'Bearer other'
        assert s.detect(LETTER).status_code == 200 and 'access-control-allow-origin' not in s.client.get('/healthz', headers=dict(Origin='https://example.org')).headers
        with ThreadPoolExecutor(2) as pool:                                           # one is at work too long, the other waits too long
            one = pool.submit(s.detect, many_pages(tmp_path/'long.pdf', 120)); s.until(lambda: s.metric('redaction_in_flight'))
            two = pool.submit(s.detect, LETTER)
            late = two.result()                                                       # 503 while it waits for a worker, 504 where one came but too late
            assert refused(one.result(), 504, 'timeout') and (late.status_code == 200 or refused(late, 503, 'overloaded') or refused(late, 504, 'timeout'))
            s.until(lambda: s.detect(LETTER).status_code == 200)                      # the new worker is at work
            last = pool.submit(s.detect, LETTER); s.until(lambda: s.metric('redaction_in_flight'))
            s.process.terminate()
            assert last.result().status_code == 200
    finally: s.close()


def test_what_serves_needs_no_torch():
    "Neither the server nor a worker loads what trains, or the page's libraries"
    code = "import sys, redaction.serve; print([m for m in ('torch', 'fastai', 'scipy', 'pandas', 'matplotlib', 'gradio') if m in sys.modules])"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip() == '[]'


def test_wrong_settings(tmp_path):
    "A wrong setting or package is told before anything listens"
    for line, word in (('queue = many', 'queue must be int'), ('model = no-such-package', 'not a model package'), ('colour = red', 'unknown setting')):
        (tmp_path/'settings.ini').write_text(f'[DEFAULT]\n[serve]\n{line}\n')
        r = subprocess.run([sys.executable, '-c', 'from redaction.serve import make_app; make_app()'], capture_output=True, text=True, cwd=tmp_path, env=os.environ | dict(PYTHONPATH=str(ROOT)))
        assert r.returncode and word in r.stderr.splitlines()[-1]


def test_description_is_true(tmp_path):
    "What the API's page declares holds: schemathesis sends what it allows and what it forbids, and finds nothing"
    pytest.importorskip('schemathesis')
    with running(tmp_path/'s', classifier='toy_classifier:setup') as server:
        told = server.client.post('/api/v1/classify', files=dict(file=(FILES/'page.png').open('rb'))).json()
        assert told['label'] == 'clean' and abs(sum(told['probabilities'].values()) - 1) < 1e-9 and told['page'] == 1
        env = os.environ | dict(SCHEMATHESIS_HOOKS='schemathesis_hooks', PYTHONPATH=os.pathsep.join([str(ROOT/'tests'), os.environ.get('PYTHONPATH', '')]))
        r = subprocess.run([Path(sys.executable).parent/'st', 'run', f'{server.url}/api/openapi.json', '-n', '200' if SLOW else '10', '--request-timeout', '30', '--seed', '1'], capture_output=True, text=True, cwd=tmp_path, env=env)
        assert r.returncode == 0, r.stdout[-3000:]
