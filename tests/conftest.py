"""What the end-to-end tests share: the repository, the installed command, and a document to look at."""
import os, resource, subprocess, sys
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


@pytest.fixture
def letter(): return ROOT/'samples/letter.pdf'
