"""The life of a model from outside: released by a decision, followed by a running service, watched through its log, taken back."""
import json, os, shutil, signal, sqlite3, subprocess, time
import pytest
from conftest import COMMAND, ROOT
from serving import running

pytest.importorskip('uvicorn'); pytest.importorskip('torch')
SETTINGS = '[release]\nclean = 4\ndocuments = 4\nf1 = 0.3\narea_f1 = 0.2\nkind = 0.5\nkind_f1 = 0\nalarms = 0.5\nslower = 9\n[monitor]\nleast = 8\nslower = 1000\n'


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    "A folder with labelled pages, settings, a package that is shy and one that is damaged"
    from redaction.synth import write_dataset
    home = tmp_path_factory.mktemp('home'); gold = write_dataset(home/'gold', 8, seed=970_000, clean=False, progress=False)
    (home/'settings.ini').write_text(SETTINGS.replace('[release]\n', f'[release]\ngold = {gold}\n'))
    for name, about in dict(shy=dict(version='2.0.0', threshold=.97), good=dict(version='2.0.1')).items():
        shutil.copytree(ROOT/'redaction/models/default', home/name); f = home/name/'model.json'; f.write_text(json.dumps(json.loads(f.read_text()) | about))
    shutil.copytree(ROOT/'redaction/models/default', home/'damaged'); (home/'damaged'/'model.onnx').write_bytes(b'no network')
    return home


def model(home, *args, status=0):
    "Run `redaction model` in that folder"
    r = subprocess.run([COMMAND, 'model', *map(str, args)], cwd=home, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, env=os.environ | dict(OMP_NUM_THREADS='1'))
    assert r.returncode == status, f'{args}: {r.returncode}\n{r.stdout}\n{r.stderr}'
    return r


def test_release_and_back_under_a_running_service(home, tmp_path):
    model(home, 'release', ROOT/'redaction/models/default')
    with running(tmp_path/'service', model=home/'models'/'current', log=tmp_path/'requests.sqlite') as server:
        answers = lambda: server.client.get('/api/v1/model').json()['version']
        assert answers() == json.loads((ROOT/'redaction/models/default/model.json').read_text())['version']; first = answers()
        pages = sorted((home/'gold'/'images').iterdir())
        for p in pages: assert server.detect(p).status_code == 200

        r = model(home, 'release', home/'shy', status=1)
        assert 'box F1 less that in use' in r.stdout and 'does not ship' in r.stdout
        r = model(home, 'release', home/'damaged', status=2); assert 'checksum' in r.stderr and not r.stdout
        time.sleep(1.); assert answers() == first                                      # neither reached anybody

        model(home, 'release', home/'good'); server.until(lambda: answers() == '2.0.1')
        assert server.detect(pages[0]).json()['model'].endswith('2.0.1')
        model(home, 'release', home/'shy', '--why', 'a trial'); server.until(lambda: answers() == '2.0.0')
        began = time.monotonic(); model(home, 'back', '--why', 'it misses letters'); server.until(lambda: answers() == '2.0.1')
        assert time.monotonic() - began < 60
        assert not any(l.get('event') == 'refused' for l in server.log)
    said = model(home, 'history').stdout.splitlines()
    assert [l.split()[2] for l in said[:-1]] == ['released', 'refused', 'released', 'released', 'back'] and said[-1].startswith('in use: 2.0.1-')

    # the service's own log is what monitoring reads
    log = tmp_path/'requests.sqlite'; shift = 10 * 86400
    assert 'Too few' in model(home, 'watch', log).stdout
    with sqlite3.connect(log) as db:
        columns = [r[1] for r in db.execute('PRAGMA table_info(requests)') if r[1] != 'id']
        rows = list(db.execute(f'SELECT {", ".join(columns)} FROM requests WHERE status = 200'))
        for row in rows * 3: db.execute(f'INSERT INTO requests ({", ".join(columns)}) VALUES ({", ".join("?" * len(columns))})', [row[0] - shift, *row[1:]])
    assert 'drift of scores' in model(home, 'watch', log).stdout
    with sqlite3.connect(log) as db: db.execute("UPDATE requests SET kinds = '{\"border\": 9}', scores = '[0,0,0,0,0,9,0,0,0,0]' WHERE at < ?", [time.time() - 8 * 86400])
    r = model(home, 'watch', log, '--report', tmp_path/'drift.html', status=1)
    assert 'label some of what arrives now' in r.stdout and 'redacted_share' in (tmp_path/'drift.html').read_text()


def test_nothing_is_decided_without_pages(home, tmp_path):
    r = subprocess.run([COMMAND, 'model', 'release', home/'good'], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (r.returncode, r.stdout) == (2, '') and '--gold' in r.stderr and not (tmp_path/'models').exists()


def test_retraining_that_is_killed_goes_on(home, tmp_path):
    "The whole way on a few small pages: killed while it trains, called again, refused for what it is"
    from redaction.synth import write_dataset
    real = write_dataset(tmp_path/'real', 6, seed=50, size=256, clean=False, progress=False)
    import yaml
    small = dict(seed=1, model=dict(arch='maps', body='tiny', widths=[8, 8, 16, 16, 16]), synth=dict(pages=6, size=256), train=dict(epochs=2, crops=8, crop=64, batch=4, lr=1e-3, workers=0),
                 finetune=dict(epochs=2, crops=8, crop=64, lr=1e-3, mix=dict(real=.5, synth=.5)), evaluate=dict(folds=2), export=dict(bits=32), data=dict(real=dict(labels=str(real))))
    (tmp_path/'params.yaml').write_text(yaml.safe_dump(small))
    shutil.copy(home/'settings.ini', tmp_path/'settings.ini')
    with open(tmp_path/'settings.ini', 'a') as f: f.write('[validate]\nmin_page_side = 100\nmax_share = 1.0\nmax_boxes = 1000\n')
    model(tmp_path, 'release', ROOT/'redaction/models/default')
    command = [COMMAND, 'model', 'retrain']
    p = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 200
    while not list(tmp_path.glob('runs/*/base.pt')): assert p.poll() is None and time.monotonic() < end; time.sleep(.1)
    os.killpg(p.pid, signal.SIGSTOP)                                                   # so that it holds the folder for as long as the second one looks
    second = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)
    assert second.returncode == 2 and 'another process is training here' in second.stderr
    os.killpg(p.pid, signal.SIGKILL); p.wait()
    base, = tmp_path.glob('runs/*/base.pt'); trained = base.stat().st_mtime_ns
    assert model(tmp_path, 'runs').stdout.splitlines()[1].split()[1] == 'stopped'
    r = model(tmp_path, 'retrain', status=1)
    assert 'does not ship' in r.stdout and base.stat().st_mtime_ns == trained
    assert model(tmp_path, 'runs').stdout.splitlines()[1].split()[1] == 'finished'
    assert 'refused' in model(tmp_path, 'history').stdout
