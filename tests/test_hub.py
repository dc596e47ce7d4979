"""Models and Spaces at the Hub: a real server on loopback that speaks its protocol, asked by the installed command and by processes of their own."""
import json, os, pickle, re, socket, subprocess, sys, time
import httpx, pytest, yaml
from conftest import ROOT
from hub_server import hub
from redaction.core import sha256

PACKAGE = ROOT/'redaction/models/default'
NAME = 'hub:jane/detector@v1'


@pytest.fixture(scope='module')
def server():
    with hub() as h: yield h


@pytest.fixture
def env(server, tmp_path): return dict(HF_ENDPOINT=server.url, HF_HOME=str(tmp_path/'hf'), HF_HUB_DISABLE_XET='1', HF_HUB_DISABLE_TELEMETRY='1', OMP_NUM_THREADS='1')


def python(code, *args, cwd=ROOT, **env):
    "Run code in a process of its own"
    return subprocess.run([sys.executable, '-c', code, *map(str, args)], capture_output=True, text=True, cwd=cwd, env=os.environ | env, timeout=120, stdin=subprocess.DEVNULL)


@pytest.fixture(scope='module')
def pushed(server, tmp_path_factory):
    "The package that ships, sent to the server by a process that knows the Hub by HF_ENDPOINT and HF_TOKEN"
    r = python("import sys; from redaction.hub import push_model; p = push_model(None, 'jane/detector', 'v1', private=True); print(p.commit); print(sys.modules.keys() & {'torch', 'hf_xet'})",
               HF_ENDPOINT=server.url, HF_TOKEN='hf_test', HF_HUB_DISABLE_XET='1', HF_HOME=str(tmp_path_factory.mktemp('hf')))
    assert r.returncode == 0 and not r.stderr, r.stderr
    commit, heavy = r.stdout.split('\n')[:2]
    assert heavy == 'set()'
    return commit


def test_what_a_push_asks_for(server, pushed):
    "Create, upload (large files apart), commit, tag: in that order, and the tag is on the commit"
    asked = [a for a in server.asked if a.startswith(('POST', 'PUT'))]
    oid = sha256(PACKAGE/'model.onnx')
    assert [a for a in asked if 'validate-yaml' not in a][:6] == ['POST /api/repos/create', 'POST /api/models/jane/detector/preupload/main', 'POST /jane/detector.git/info/lfs/objects/batch',
                                                                  f'PUT /storage/{oid}', 'POST /api/models/jane/detector/commit/main', f'POST /api/models/jane/detector/tag/{pushed}']
    repo = server.repos['model', 'jane/detector']
    assert (repo.private, repo.tags) == (True, dict(v1=pushed))
    for f in ('model.json', 'model.onnx', 'README.md'): assert repo.commits[pushed][f] == (PACKAGE/f).read_bytes()


def test_detect_with_a_model_from_the_hub(server, pushed, env, redaction, letter):
    "The same answer as with the folder; then from the cache alone; and a sentence where nothing is cached or no token is given"
    want = json.loads(redaction('detect', letter, '--format', 'json').out)
    got = redaction('detect', letter, '--format', 'json', '--model', NAME, **env, HF_TOKEN='hf_test')
    assert (got.status, json.loads(got.out)) == (0, want)
    server.asked.clear()
    offline = redaction('detect', letter, '--format', 'json', '--model', NAME, **env | dict(HF_HUB_OFFLINE='1'))
    assert (offline.status, json.loads(offline.out), server.asked) == (0, want, [])
    for words, more in [('not in the cache', dict(HF_HUB_OFFLINE='1')), ('no such repository', {}), ('no such revision', dict(HF_TOKEN='hf_test'))]:
        name = NAME.replace('v1', 'v9') if 'revision' in words else NAME
        r = redaction('detect', letter, '--model', name, **env | dict(HF_HOME=env['HF_HOME'] + '2') | more)
        assert r.status != 0 and words in ' '.join(r.err.split()) and 'Traceback' not in r.err


def test_space_of_a_model_from_the_hub(env, redaction, tmp_path):
    "By command: the Space names the model, and a repository without an owner is refused before the Hub is asked"
    r = redaction('space', 'build', tmp_path/'space', '--model', NAME, **env); assert r.status == 0, r.err
    assert f'model = {NAME}' in (tmp_path/'space'/'settings.ini').read_text()
    r = redaction('space', 'push', 'jane', '--folder', tmp_path/'space', '--send', **env)
    assert r.status == 2 and 'it reads OWNER/NAME' in ' '.join(r.err.split())


def test_wrong_checksum(server, pushed, env, redaction, letter):
    "Bytes that are not the model's are refused, and nothing is reported with them"
    oid, good = sha256(PACKAGE/'model.onnx'), (PACKAGE/'model.onnx').read_bytes()
    server.wrong[oid] = good[:-4] + b'oops'
    try: r = redaction('detect', letter, '--format', 'json', '--model', NAME, **env, HF_TOKEN='hf_test')
    finally: server.wrong.clear()
    assert r.status != 0 and not r.out and 'damaged or was replaced' in ' '.join(r.err.split())


class Trap:
    "Leaves a file behind when it is unpickled"
    def __init__(self, path): self.path = path
    def __reduce__(self): return open, (self.path, 'w')


def test_nothing_is_unpickled(server, pushed, env, tmp_path):
    "Pickles under every likely name, beside the model and in place of its parts: not asked for, or refused as what they are not"
    repo, sprung = server.repos['model', 'jane/detector'], tmp_path/'sprung'
    trap, whole = pickle.dumps(Trap(str(sprung))), repo.commits[pushed]
    beside = whole | {f: trap for f in ('pytorch_model.bin', 'model.pkl', 'weights.pt', 'redaction/__init__.py', 'sitecustomize.py')}
    about = json.loads(whole['model.json']) | dict(sha256=sha256(trap))
    repo.tags |= dict(beside=repo.commit(beside, 'a'), onnx=repo.commit(whole | {'model.onnx': trap, 'model.json': json.dumps(about).encode()}, 'b'), json=repo.commit(whole | {'model.json': trap}, 'c'),
                      judge=repo.commit(whole | {'judge.json': trap, 'model.json': json.dumps(json.loads(whole['model.json']) | dict(judge=sha256(trap))).encode()}, 'd'))
    server.asked.clear()
    code = '''import sys
sys.addaudithook(lambda event, args: event == 'pickle.find_class' and print('unpickled', args, flush=True))
from redaction.predict import Predictor
for tag in sys.argv[1:]:
    try: print(tag, Predictor(f'hub:jane/detector@{tag}').package.name)
    except Exception as e: print(tag, 'refused', type(e).__name__)'''
    r = python(code, 'beside', 'onnx', 'json', 'judge', **env, HF_TOKEN='hf_test')
    assert r.returncode == 0, r.stderr
    said = r.stdout.splitlines()
    assert [s.split(' ')[:2] for s in said] == [['beside', 'redaction-detector'], ['onnx', 'refused'], ['json', 'refused'], ['judge', 'refused']]
    assert not sprung.exists()
    assert {a.rsplit('/', 1)[1] for a in server.asked if '/resolve/' in a} <= {'model.json', 'model.onnx', 'judge.json', 'README.md'}


@pytest.fixture(scope='module')
def space(tmp_path_factory):
    from redaction.space import build_space
    return build_space(tmp_path_factory.mktemp('space')/'space', root=ROOT)


def test_space_folder(space):
    "Complete, pinned, and without what trains"
    front = yaml.safe_load((space/'README.md').read_text().split('---')[1])
    lines = (space/'requirements.txt').read_text().split()
    assert f"gradio=={front['sdk_version']}" in lines and front['app_file'] == 'app.py'
    assert all(re.fullmatch(r'[a-z0-9-]+==[\w.+!-]+', line) for line in lines)
    assert not {'torch', 'fastai', 'pandas-stubs', 'great-expectations', 'nbdev'} & {line.split('==')[0] for line in lines}
    assert not list(space.rglob('__pycache__')) and (space/'app.py').read_bytes() == (ROOT/'app.py').read_bytes()


def test_space_starts(space, tmp_path):
    "From its own folder, with nothing importable that trains"
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    hidden = ('torch', 'torchvision', 'fastai', 'timm', 'great_expectations', 'ray', 'matplotlib', 'scipy')
    code = f'import sys, runpy\nfor m in {hidden}: sys.modules[m] = None\nrunpy.run_path("app.py", run_name="__main__")'
    with open(tmp_path/'log', 'wb') as log:
        p = subprocess.Popen([sys.executable, '-c', code], cwd=space, stderr=log, stdout=log, stdin=subprocess.DEVNULL,
                             env=os.environ | dict(GRADIO_SERVER_NAME='127.0.0.1', GRADIO_SERVER_PORT=str(port), OMP_NUM_THREADS='1', PYTHONDONTWRITEBYTECODE='1', TMPDIR=str(tmp_path)))
    try:
        end = time.monotonic() + 240
        while time.monotonic() < end:
            assert p.poll() is None, (tmp_path/'log').read_text()
            try:
                if httpx.get(f'http://127.0.0.1:{port}/readyz').status_code == 200: break
            except httpx.TransportError: pass
            time.sleep(.3)
        assert httpx.get(f'http://127.0.0.1:{port}/').status_code == 200
        r = httpx.post(f'http://127.0.0.1:{port}/api/v1/detect', files=dict(file=('letter.pdf', (space/'samples/letter.pdf').read_bytes())), timeout=60)
        assert r.status_code == 200 and r.json()['pages'][0]['redactions']
    finally:
        p.terminate()
        try: p.wait(40)
        except subprocess.TimeoutExpired: p.kill(); raise


def test_container_files():
    "The container runs as nobody in particular, says whether it is well, and takes only what it needs"
    docker = (ROOT/'Dockerfile').read_text(); last = docker.rsplit('\nFROM ', 1)[1]
    assert re.search(r'^USER app$', last, re.M) and '/healthz' in last.split('HEALTHCHECK')[1] and last.index('USER app') < last.index('CMD ["python", "app.py"]')
    copied = {f for line in re.findall(r'^COPY (?!--from)(.+)$', docker, re.M) for f in line.split()[:-1]}
    assert copied == {line[1:] for line in (ROOT/'.dockerignore').read_text().splitlines() if line.startswith('!')} and all((ROOT/f).exists() for f in copied)
    service = yaml.safe_load((ROOT/'compose.yaml').read_text())['services']['redaction']
    assert service['read_only'] and service['cap_drop'] == ['ALL'] and service['ports'][0].endswith(':7860') and service['mem_limit']
