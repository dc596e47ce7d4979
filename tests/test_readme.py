"""README.md is what nbs/index.ipynb makes, and what it shows is there."""
import re, subprocess, sys
from conftest import ROOT


def test_readme_is_what_the_index_makes():
    r = subprocess.run([sys.executable, 'tools/readme.py', '--check'], capture_output=True, text=True, cwd=ROOT)
    assert r.returncode == 0, r.stderr


def test_links_lead_somewhere():
    text = (ROOT/'README.md').read_text()
    links = [l for l in re.findall(r'\]\(([^)\s]+)\)', text) if not l.startswith(('http', '#', 'mailto:'))]
    assert links and [l for l in links if not (ROOT/l).exists()] == []


def test_picture_and_commands_are_in_the_first_screen():
    first = (ROOT/'README.md').read_text().split('\n## ')[0]
    assert '![' in first and 'make demo' in first and 'make test' in first and 'redaction detect' in first and '```python' in first
    assert 'Document(' in first, 'the example has no result; run `make index`'
