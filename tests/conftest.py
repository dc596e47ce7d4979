"""What the end-to-end tests share: the repository, the installed command, and a document to look at."""
import os, resource, shutil, subprocess, sys
from pathlib import Path
from typing import NamedTuple
import pytest

ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).parent/'redaction'


class Result(NamedTuple):
    "What a command did"
    status: int
    out: str
    err: str
    cpu: float  # Seconds, user and system


@pytest.fixture
def redaction():
    "Run the installed command as a person would, from the root of the repository"
    def run(*args, **env):
        used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
        before = used()
        r = subprocess.run([COMMAND, *map(str, args)], capture_output=True, cwd=ROOT, env=os.environ | env, timeout=120, stdin=subprocess.DEVNULL)
        return Result(r.returncode, r.stdout.decode(), r.stderr.decode(), used() - before)
    return run


@pytest.fixture(scope='module')
def chromium():
    "A real browser: the system's where it has one, else playwright's own"
    playwright = pytest.importorskip('playwright.sync_api')
    with playwright.sync_playwright() as p:
        try: browser = p.chromium.launch(executable_path=shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome'), args=['--no-sandbox'])
        except playwright.Error as e: pytest.skip(f'no Chromium here: {str(e).splitlines()[0]}')
        yield browser
        browser.close()


@pytest.fixture
def letter(): return ROOT/'samples/letter.pdf'
