"""readme.py [--check]: make README.md from nbs/index.ipynb with nbconvert, or say how the two differ.

Cells marked `#| hide` are left out, directives too, and links are made relative to the root."""
import difflib, re, sys
from pathlib import Path
import nbformat
from nbconvert import MarkdownExporter
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
HIDDEN = re.compile(r'^#\|\s*(hide\b|include:\s*false)', re.M)


def shown(nb):
    "`nb` without hidden cells and directives"
    nb.metadata['language_info'] = dict(name='python')
    nb.cells = [c for c in nb.cells if not (c.cell_type == 'code' and (HIDDEN.search(c.source) or not c.source.strip()))]
    for c in nb.cells:
        if c.cell_type == 'code': c.source = re.sub(r'^#\|.*\n?', '', c.source, flags=re.M)
    return nb


def from_root(text):
    "Links that are relative to nbs/, made relative to the root"
    def link(m): return m[1] + (m[2][3:] if m[2].startswith('../') else f'nbs/{m[2]}')
    return re.sub(r'(\]\(|src=")(?!https?:|mailto:|#|/)([^)"\s]+)', link, text)


def readme():
    "README.md as nbs/index.ipynb makes it"
    nb = shown(nbformat.read(ROOT/'nbs/index.ipynb', as_version=4))
    config = Config(NbConvertBase=dict(display_data_priority=['text/markdown', 'text/plain']))
    body, _ = MarkdownExporter(config=config).from_notebook_node(nb)
    body = from_root('\n'.join(line.rstrip() for line in body.splitlines()))
    return re.sub(r'\n{3,}', '\n\n', body).strip() + '\n\n<!-- Made from nbs/index.ipynb by `make readme`; edit the notebook. -->\n'


def main():
    new, path = readme(), ROOT/'README.md'
    if '--check' not in sys.argv[1:]: return path.write_text(new, encoding='utf-8') and print(f'wrote {path.name}')
    old = path.read_text(encoding='utf-8') if path.exists() else ''
    diff = list(difflib.unified_diff(old.splitlines(), new.splitlines(), 'README.md', 'nbs/index.ipynb', lineterm='', n=0))
    if diff: sys.exit('\n'.join(['FAILED gate: README.md is what nbs/index.ipynb makes. Run `make readme`.', *diff[:20]]))


if __name__ == '__main__': main()
