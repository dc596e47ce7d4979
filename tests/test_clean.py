"The cleaner in a real JupyterLab and a real browser: keys and buttons decide, the next cell moves the files, and they come back"
import os, signal, socket, subprocess, sys, time, urllib.error, urllib.request
from pathlib import Path
import nbformat
import pytest
from PIL import Image
from redaction.synth import make_page

pytest.importorskip('jupyterlab'); pytest.importorskip('ipywidgets')
CELLS = ["""from redaction.clean import PageCleaner, undo
from redaction.widgets import CleanerView
probs = {'redacted/p1.png': [.1, .9], 'redacted/p3.png': [.97, .03], 'unredacted/p0.png': [.9, .1], 'unredacted/p2.png': [.3, .7], 'unredacted/p4.png': [.95, .05]}
cleaner = PageCleaner.from_folder('pages', probs, ['unredacted', 'redacted'])
CleanerView(cleaner, at_once=3, width=300)""", "record = cleaner.apply(); print('moved', record)", "undo(record); print('all back')"]


def pages(folder: Path) -> list[str]:
    return sorted(f.relative_to(folder).as_posix() for f in folder.glob('*/*.png'))


@pytest.fixture
def lab(tmp_path):
    "JupyterLab on loopback over a folder with a notebook and drawn pages"
    for i in range(5):
        f = tmp_path/'pages'/('unredacted' if i % 2 == 0 else 'redacted')/f'p{i}.png'; f.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_page(i, size=420, clean=i % 2 == 0).image).save(f)
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS], metadata=dict(kernelspec=dict(name='python3', display_name='python3', language='python')))
    nbformat.write(nb, tmp_path/'clean.ipynb')
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); port = s.getsockname()[1]
    env = os.environ | {k: str(tmp_path/k.lower()) for k in ('JUPYTER_CONFIG_DIR', 'JUPYTER_RUNTIME_DIR', 'JUPYTERLAB_SETTINGS_DIR', 'JUPYTERLAB_WORKSPACES_DIR', 'IPYTHONDIR')}
    options = ['--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}', '--IdentityProvider.token=', f'--ServerApp.root_dir={tmp_path}', '--LabApp.extension_manager=readonly', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
    with open(tmp_path/'lab.log', 'w') as log: server = subprocess.Popen([sys.executable, '-m', 'jupyterlab', *options], env=env, stdout=log, stderr=log, start_new_session=True)
    base, until = f'http://127.0.0.1:{port}', time.monotonic() + 120
    while True:
        try: urllib.request.urlopen(f'{base}/api', timeout=5).close(); break
        except (urllib.error.URLError, OSError):
            if server.poll() is not None or time.monotonic() > until: pytest.fail((tmp_path/'lab.log').read_text()[-2000:])
            time.sleep(.5)
    yield base, tmp_path/'pages'
    server.send_signal(signal.SIGTERM)
    try: server.wait(30)
    except subprocess.TimeoutExpired: server.kill()


@pytest.fixture
def page(chromium):
    page = chromium.new_page(viewport=dict(width=1300, height=1500)); page.set_default_timeout(120_000)
    yield page
    page.close()


def run(page, n: int) -> None:
    "Run the nth cell as a person does, and again where the notebook was not ready to hear it"
    prompt = page.locator('.jp-CodeCell').nth(n).locator('.jp-InputPrompt')
    for _ in range(6):
        page.locator('.jp-CodeCell .cm-content').nth(n).click()
        page.keyboard.press('Shift+Enter')
        for _ in range(20):
            if prompt.inner_text().strip() != '[ ]:': return
            page.wait_for_timeout(500)
    pytest.fail(f'cell {n} was not run')


def test_choose_in_one_cell_and_apply_in_the_next(lab, page, tmp_path):
    base, folder = lab; before = pages(folder)
    page.goto(f'{base}/lab/tree/clean.ipynb')
    page.wait_for_selector('.jp-CodeCell .cm-content'); page.wait_for_selector('.jp-NotebookPanel-toolbar [data-status="idle"]', state='attached')
    run(page, 0)
    keys = page.get_by_label('keys', exact=True); keys.wait_for()
    assert page.locator('.widget-image').count() == 3
    first = page.locator('.widget-html').nth(1).inner_text()
    assert 'redacted/p3.png' in first and 'suspect' in first          # the likeliest error is shown first
    keys.click(); page.keyboard.type('1k', delay=100)                 # p3 is unredacted; p2 stays, for now
    page.get_by_text('2 decided').wait_for()
    page.keyboard.press('Backspace'); page.get_by_text('1 decided').wait_for()
    page.keyboard.type('dd', delay=100)                               # p2 goes, and so does the third; 'dd' is no command of the notebook here
    page.get_by_text('4 to 5 of 5, 3 decided').wait_for()
    assert page.locator('.jp-CodeCell').count() == len(CELLS) and page.locator('.widget-image').count() == 2
    page.get_by_role('button', name='Previous').click(); page.get_by_text('1 to 3 of 5').wait_for()
    third = page.locator('.widget-html').nth(3).inner_text().split(':')[0]
    page.locator('.widget-toggle-buttons').nth(2).get_by_role('button', name='keep').click()   # with the mouse: the third stays after all
    page.get_by_text('4 to 5 of 5, 3 decided').wait_for(); page.get_by_role('button', name='Previous').click(); page.get_by_text('1 to 3 of 5').wait_for()
    if to := os.environ.get('REDACTION_SCREENSHOT'): page.wait_for_timeout(1000); page.screenshot(path=to)
    assert pages(folder) == before                                    # nothing has happened to any file
    run(page, 1); page.get_by_text('moved', exact=False).locator('visible=true').last.wait_for(); page.get_by_text('.trash/0001/record.json').wait_for()
    after = pages(folder)
    assert 'unredacted/p3.png' in after and 'redacted/p3.png' not in after and 'unredacted/p2.png' not in after and third in after and len(after) == 4
    assert (folder/'.trash'/'0001'/'unredacted'/'p2.png').is_file()
    run(page, 2); page.get_by_text('all back', exact=True).wait_for()
    assert pages(folder) == before
