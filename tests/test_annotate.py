"""The labelling tool in a real browser: what a person draws, moves, deletes and answers is what the catalogue holds."""
import os
import cv2
import numpy as np
import pytest
from conftest import ROOT
from redaction.annotate import choose
from redaction.catalogue import Catalogue
from redaction.labeller import Labeller, launch
from redaction.pages import open_document
from redaction.predict import Predictor

pytest.importorskip('gradio_image_annotation')


@pytest.fixture(scope='module')
def propose():
    predictor = Predictor(threads=1)
    return lambda image: predictor.images([image])[0]


class Tool:
    "A hand on the mouse and the keyboard, in pixels of the stored picture"
    def __init__(self, browser, lab, width=1500, height=950):
        self.lab, self.demo = lab, launch(lab, prevent_thread_lock=True)
        self.page = browser.new_page(viewport=dict(width=width, height=height))
        self.errors = []; self.page.on('pageerror', lambda e: self.errors.append(str(e)))
        self.open()

    def open(self):
        self.page.goto(self.demo.local_url); self.settle()

    def close(self):
        self.page.close(); self.demo.close()

    def settle(self):
        "Wait until the page of this turn is drawn"
        self.page.wait_for_function("""() => { const t = document.querySelector('#rl-turn')?.dataset.turn, c = document.querySelector(`#rl-page.rl-turn-${t} canvas`);
            if (document.querySelector(`#rl-page.rl-nothing.rl-turn-${t}`)) return true;
            return c && c.height > 200 && c.getContext('2d').getImageData(c.width >> 1, c.height >> 1, 1, 1).data[3] > 0 }""", timeout=60_000)

    def frame(self):
        "Left and top of the picture on the screen, and screen pixels for each of its pixels; a canvas wider than its picture has it in the middle"
        b = self.page.locator('#rl-page canvas').bounding_box(); scale = min(1, b['width'] / self.row['width'])
        return b['x'] + (b['width'] - self.row['width'] * scale) / 2, b['y'], scale

    def at(self, x, y):
        "Where a pixel of the picture is on the screen, scrolled into sight"
        _, top, scale = self.frame()
        if not 60 < top + y * scale < 850: self.page.evaluate('d => window.scrollBy(0, d)', top + y * scale - 450)
        left, top, scale = self.frame()
        return left + x * scale, top + y * scale

    @property
    def row(self):
        "The page on the screen, as the catalogue knows it"
        number = int(self.page.locator('.rl-page').inner_text().split('page ')[1].split(',')[0])
        return next(r for r in self.lab.rows if r['number'] == number)

    @property
    def state(self): return self.page.locator('#rl-state').inner_text()

    def drag(self, a, b):
        x0, y0 = self.at(*a); self.page.mouse.move(x0, y0); self.page.mouse.down()
        x1, y1 = (p + (q - r) * self.frame()[2] for p, q, r in zip((x0, y0), b, a))
        self.page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2); self.page.mouse.move(x1, y1); self.page.mouse.up()

    def draw(self, box): self.page.keyboard.press('c'); self.drag(box[:2], box[2:]); self.page.keyboard.press('d')

    def kind(self, key):
        self.page.keyboard.press(key); self.page.wait_for_function("() => !document.querySelector('#model-box-edit') && !document.body.classList.contains('rl-quick')")

    def press(self, key):
        "A key that turns the page"
        before = self.turn; self.page.keyboard.press(key)
        self.page.wait_for_function("t => document.querySelector('#rl-turn').dataset.turn !== t", arg=before, timeout=60_000)
        self.settle()

    @property
    def turn(self): return self.page.locator('#rl-turn').get_attribute('data-turn')

    def quiet(self):
        "Wait until no turn follows for two seconds"
        before = None
        while before != self.turn: before = self.turn; self.page.wait_for_timeout(2000)
        self.settle()


@pytest.fixture
def tool(chromium, propose, tmp_path):
    "The tool over a letter of the samples, with the packaged detector's proposals"
    cat = Catalogue(tmp_path/'catalogue.db', share=0.)
    with open_document(ROOT/'samples/letter.pdf') as doc:
        cat.add_document(doc.sha256, '<b>letter</b>.pdf', pages=3); made = []
        for n in (1, 2, 3):
            im = doc.page(min(n, len(doc)), long_side=1600).image
            im = np.repeat(im[..., None], 3, 2) if im.ndim == 2 else im
            cv2.imwrite(str(tmp_path/f'{n}.png'), im[..., ::-1]); made.append(dict(number=n, width=im.shape[1], height=im.shape[0], image=f'{n}.png'))
        cat.add_pages(doc.sha256, made)
    rows = sorted(choose(cat), key=lambda r: r['number'])
    tool = Tool(chromium, Labeller(cat, tmp_path, 'anna', rows, propose))
    yield tool
    tool.close(); cat.close()


def nearest(row, box, kind='black'):
    "How far a side of the nearest box of this kind is off, pixels"
    return min(np.abs(np.array(b['bbox']) - box).max() for b in row['boxes'] if b['kind'] == kind)


def test_draw_save_reload(tool):
    "Draw a box, give it a kind, save, reload: it is in the catalogue and on the screen"
    proposed = tool.lab.sheet(0).boxes
    assert proposed and 'Not answered' in tool.state and '<b>letter</b>.pdf' in tool.page.inner_text('.rl-side')
    tool.draw((200, 1400, 420, 1418)); tool.kind('4')
    if shot := os.environ.get('REDACTION_SHOT'): tool.page.evaluate('window.scrollTo(0, 0)'); tool.page.screenshot(path=shot)
    tool.press('s')
    row, = tool.lab.cat.labels()
    assert nearest(row, (200, 1400, 420, 1418), 'border') <= 2
    assert (row['labeller'], row['accepted'], row['added'], row['moved'], row['removed']) == ('anna', len(proposed), 1, 0, 0) and row['at']
    tool.open(); assert tool.row['number'] == 2                     # labelling goes on where it stopped
    tool.press('ArrowLeft'); assert 'Saved with its boxes' in tool.state
    x, y = tool.at(300, 1400); b = tool.page.locator('#rl-page canvas').bounding_box()
    r, g, bl = tool.page.evaluate("([x, y]) => [...document.querySelector('#rl-page canvas').getContext('2d').getImageData(x, y, 1, 1).data].slice(0, 3)", [round(x - b['x']), round(y - b['y'])])
    assert bl > r + 60                                              # the blue outline of a border
    tool.press('s'); assert tool.lab.cat.labels()[0]['boxes'] == row['boxes'] and not tool.errors


def test_move_resize_delete(tool):
    "A proposal is moved, one is resized, one is deleted; the counts say so"
    boxes = [b['bbox'] for b in tool.lab.sheet(0).boxes]
    (x0, y0, x1, y1), last = boxes[0], boxes[-1]
    middle = lambda b: ((b[0] + b[2]) / 2, (b[1] + b[3]) / 2)
    tool.page.keyboard.press('d')
    inside = (x0 + (x1 - x0) * .25, (y0 + y1) / 2)
    tool.drag(inside, (inside[0] + 3, inside[1] + 4))
    x, y = tool.at(last[0] + (last[2] - last[0]) * .25, (last[1] + last[3]) / 2); tool.page.mouse.click(x, y)
    tool.page.keyboard.press('Delete'); tool.press('Enter')
    row, = tool.lab.cat.labels()
    assert (row['moved'], row['removed'], row['added'], row['accepted']) == (1, 1, 0, len(boxes) - 2)
    assert nearest(row, (x0 + 3, y0 + 4, x1 + 3, y1 + 4)) <= 2
    tool.press('u'); tool.press('r'); assert tool.lab.cat.labels() == []
    tool.page.keyboard.press('d'); x, y = tool.at(*inside); tool.page.mouse.click(x, y)
    tool.drag((x1, (y0 + y1) / 2), (x1 + 20, (y0 + y1) / 2)); tool.press('s')
    assert nearest(tool.lab.cat.labels()[0], (x0, y0, x1 + 20, y1)) <= 2 and not tool.errors


def test_answers(tool):
    "No redaction, skip, undo and the end of the queue, by keys and by buttons"
    cat = tool.lab.cat
    tool.press('n'); tool.press('k')
    assert tool.lab.progress() == dict(pages=3, answered=2, labelled=0, clean=1, skipped=1) and '2 of 3' in tool.page.inner_text('#rl-progress')
    tool.press('u'); assert tool.row['number'] == 2 and cat.counts()['annotations'] == 2 and len(cat.unlabelled()) == 2
    tool.page.click('#rl-clean'); tool.page.wait_for_function("() => document.querySelector('#rl-progress').innerText.includes('2 of 3')")
    tool.settle(); tool.press('s')
    assert 'All pages are answered' in tool.page.inner_text('body') and [r['state'] for r in cat.labels()] == ['clean', 'clean', 'labelled']
    tool.press('ArrowLeft'); assert tool.row['number'] == 2 and not tool.errors


def test_impatient(tool):
    "Save clicked three times at once keeps each page's own boxes, and a draft survives a look at the next page"
    tool.page.evaluate("() => { for (let i = 0; i < 3; i++) document.querySelector('#rl-save').click() }")
    tool.quiet()
    rows = tool.lab.cat.labels()
    assert all(r['boxes'] == tool.lab.sheet(r['number'] - 1).boxes and r['moved'] == r['added'] == 0 for r in rows) and rows
    i = tool.row['number'] - 1; n = len(tool.lab.sheet(i).boxes); tool.draw((100, 1500, 300, 1520)); tool.press('ArrowLeft'); tool.press('ArrowRight')
    assert len(tool.lab.sheet(i).boxes) == n + 1 and len(tool.lab.cat.labels()) == len(rows) and not tool.errors


def test_undo_brings_back_what_was_drawn(tool):
    "No redaction or skip pressed by mistake, and the page loaded again: nothing that was drawn is lost"
    n = len(tool.lab.sheet(0).boxes)
    tool.draw((200, 1400, 420, 1418)); tool.page.wait_for_timeout(1500); tool.open()
    assert (tool.row['number'], len(tool.lab.sheet(0).boxes)) == (1, n + 1)
    for key in 'nk': tool.press(key); tool.press('u'); assert len(tool.lab.sheet(0).boxes) == n + 1
    tool.press('k'); tool.press('ArrowLeft'); assert 'Skipped' in tool.state
    tool.press('s'); row, = tool.lab.cat.labels(); assert len(row['boxes']) == n + 1 and row['added'] == 1 and not tool.errors


def test_unreadable_picture(tool):
    "A damaged picture says so, is passed over with a key, and spoils no other page's answer"
    tool.press('s'); saved, = tool.lab.cat.labels()
    (tool.lab.folder/'3.png').write_bytes(b'no picture'); tool.press('s')
    assert 'not one that can be read' in tool.page.inner_text('.rl-error') and 'page 3' in tool.page.inner_text('.rl-page')
    tool.page.keyboard.press('s'); tool.page.wait_for_selector('text=can only be skipped')
    tool.page.reload(); tool.settle(); assert 'page 3' in tool.page.inner_text('.rl-page')
    tool.press('k'); assert tool.lab.progress() == dict(pages=3, answered=3, labelled=2, clean=0, skipped=1)
    tool.press('ArrowLeft'); tool.press('ArrowLeft')
    assert tool.row['number'] == 1 and tool.lab.cat.labels()[0] == saved and not tool.errors
