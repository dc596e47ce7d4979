"""A server of our own to test against: its settings, its process, its workers, its log."""
import json, os, socket, subprocess, sys, time
from contextlib import contextmanager
from pathlib import Path
import httpx, psutil
from conftest import ROOT

START = '''import sys
from importlib import import_module
from redaction.serve import serve
module, name = (sys.argv[1:] or [':'])[0].split(':')
serve(classifier=getattr(import_module(module), name) if module else None)'''


class Server:
    "A running server"
    def __init__(self, folder, settings, classifier=None):
        with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
        self.folder, self.url, self.settings = Path(folder), f'http://127.0.0.1:{port}', dict(port=port, watch_seconds=.3) | settings
        (self.folder/'tmp').mkdir(parents=True); self.configure()
        self.stderr = open(self.folder/'server.log', 'wb')
        env = {k: v for k, v in os.environ.items() if k != 'REDACTION_PASSWORD'} | dict(PYTHONPATH=os.pathsep.join([str(ROOT), str(ROOT/'tests')]), TMPDIR=str(self.folder/'tmp'), OMP_NUM_THREADS='1')
        self.process = subprocess.Popen([sys.executable, '-c', START, *([classifier] if classifier else [])], cwd=self.folder, env=env, stderr=self.stderr, stdin=subprocess.DEVNULL)
        self.client = httpx.Client(base_url=self.url, timeout=60)

    def configure(self, **changes):
        "Write the settings file that the server reads"
        self.settings |= changes
        text = '[DEFAULT]\ndpi = 0\n[serve]\n' + ''.join(f'{k} = {v}\n' for k, v in self.settings.items())
        part = self.folder/'part'; part.write_text(text); os.replace(part, self.folder/'settings.ini')

    def wait(self, path='/readyz', status=200, seconds=60):
        "Wait until a path answers with a status"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder/'server.log').read_text()
            try: r = self.client.get(path)
            except httpx.TransportError: time.sleep(.05); continue
            if r.status_code == status: return r
            time.sleep(.1)
        raise AssertionError(f'{path} did not answer {status} within {seconds} seconds')

    def until(self, what, seconds=60):
        "Wait until something holds"
        end = time.monotonic() + seconds
        while not (got := what()):
            assert time.monotonic() < end, 'waited too long'
            time.sleep(.1)
        return got

    def detect(self, path, client=None, **options):
        "Send a document as a form"
        data = path if isinstance(path, bytes) else Path(path).read_bytes()
        name = 'upload' if isinstance(path, bytes) else Path(path).name
        return (client or self.client).post('/api/v1/detect', files=dict(file=(name, data)), params=options)

    @property
    def workers(self): return [p for p in psutil.Process(self.process.pid).children() if 'redaction.pool' in ' '.join(p.cmdline())]

    def metric(self, line):
        "A figure of /metrics, 0 where it is not there yet"
        for got in self.client.get('/metrics').text.splitlines():
            if got.startswith(line + ' '): return float(got.rsplit(' ', 1)[1])
        return 0.

    @property
    def files(self): return list((self.folder/'tmp').iterdir())

    @property
    def log(self): return [json.loads(line) for line in (self.folder/'server.log').read_text().splitlines()]

    def close(self):
        "Stop the server; nothing it started may stay behind"
        children = psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else []
        self.process.terminate()
        try: self.process.wait(40)
        except subprocess.TimeoutExpired: self.process.kill(); raise
        finally: self.client.close(); self.stderr.close()
        _, alive = psutil.wait_procs(children, 5)
        assert not alive, f'left behind: {alive}'
        assert not self.files, 'temporary files left behind'


@contextmanager
def running(folder, classifier=None, **settings):
    "A server that is ready, for the length of a `with`"
    s = Server(folder, settings, classifier)
    try:
        s.wait('/healthz'); s.wait()
        yield s
    finally: s.close()
