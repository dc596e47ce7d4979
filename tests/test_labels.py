"Label files: made boxes there and back through every format, damaged files named, anything at all never more than a named problem"
import copy, json, os, random, subprocess, sys, time
from pathlib import Path
import numpy as np, pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image
from redaction.agreement import agreement
from redaction.core import KINDS
from redaction.dataset import LabelError, Record
from redaction.formats import READERS, WRITERS, check_file, convert_labels, guess_format, read_labels
from redaction.labels import BadLabels, check_labels, read_coco, write_coco

SLOW = bool(os.environ.get('REDACTION_SLOW'))
SETTINGS = dict(deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
BARE = ('yolo', 'voc', 'imagefolder')   # formats that would copy pictures
ROOT = Path(__file__).parent.parent


@st.composite
def labels(draw) -> list[Record]:
    "Pages with boxes and polygons on a grid of a hundredth of a pixel; each in a strip of its own, so that none lies on another"
    out = []
    for n in range(draw(st.integers(1, 3))):
        w, h, boxes, polys = draw(st.integers(8, 5000)), draw(st.integers(8, 5000)), [], []
        for i in range(draw(st.integers(0, 5))):
            x, y = (sorted(draw(st.lists(st.integers(0, m), min_size=2, max_size=2, unique=True))) for m in (w * 100, h * 20 - 1))
            b = np.round(np.array([x[0], y[0] + i * h * 20, x[1], y[1] + i * h * 20]) / 100, 2); boxes.append(b)
            corner = draw(st.tuples(st.floats(.1, .9), st.floats(.1, .9)))
            cx, cy = np.round(b[:2] + corner * (b[2:] - b[:2]), 2)
            polys.append(np.array([[b[0], b[1]], [b[2], b[1]], [b[2], cy], [cx, cy], [cx, b[3]], [b[0], b[3]]]) if b[0] < cx < b[2] and b[1] < cy < b[3] and draw(st.booleans()) else None)
        k = len(boxes); text = st.text(st.characters(exclude_categories=['Cc', 'Cs'], exclude_characters='\ufffe\uffff'), min_size=1, max_size=9)
        out.append(Record(Path(f'd{n}/p{n}.png'), w, h, draw(text.filter(str.strip)), boxes, draw(st.lists(st.sampled_from(KINDS), min_size=k, max_size=k)), polys, page=draw(st.none() | st.integers(1, 999)),
                          codes=draw(st.lists(st.none() | st.sampled_from(['(b)(6)', '5.1.2.e']) | text, min_size=k, max_size=k)), file_name=f'd{n}/p{n}.png'))
    return out


def same(a: list[Record], b: list[Record]) -> None:
    a, b = (sorted(v, key=lambda r: r.file_name) for v in (a, b))
    for x, y in zip(a, b, strict=True):
        order = lambda r: sorted(range(len(r.kind)), key=lambda i: (r.xyxy[i][1], r.xyxy[i][0]))
        i, j = order(x), order(y)
        assert (x.file_name, x.width, x.height, x.document, x.page) == (y.file_name, y.width, y.height, y.document, y.page)
        assert [(x.kind[k], x.codes[k]) for k in i] == [(y.kind[k], y.codes[k]) for k in j]
        assert np.array_equal(x.xyxy[i], y.xyxy[j])
        for p, q in zip((x.polygons[k] for k in i), (y.polygons[k] for k in j)):
            assert (p is None) == (q is None) and (p is None or np.abs(p - q).max() < .006)


@pytest.mark.parametrize('name', WRITERS)
def test_there_and_back(name, tmp_path_factory):
    @settings(max_examples=400 if SLOW else 60, **SETTINGS)
    @given(labels())
    def check(records):
        f = tmp_path_factory.mktemp('l')/'labels'
        WRITERS[name](records, f, **(dict(pictures=False) if name in BARE else {}))
        same(read_labels(f, format=name), records)
    check()


@settings(max_examples=60, **SETTINGS)
@given(labels(), st.randoms())
def test_the_canonical_form_is_a_fixed_point(tmp_path_factory, records, rng):
    f = write_coco(records, tmp_path_factory.mktemp('l')/'a.json'); text = f.read_text()
    assert write_coco(read_coco(f), f).read_text() == text
    mixed = read_coco(f); rng.shuffle(mixed)
    assert write_coco(mixed, f).read_text() == text
    assert not check_labels(f) and agreement(mixed, records).f1() == 1


def test_our_own_labels_are_canonical(tmp_path):
    f = ROOT/'labels'/'cib.json'
    assert write_coco(read_coco(f), tmp_path/'again.json').read_bytes() == f.read_bytes()


# ---- damaged files: what is done to a good one, and the words that must be in the message: file, record, what, remedy
def pages(folder: Path) -> list[Record]:
    for n, size in (('p1.png', (300, 200)), ('p2.png', (120, 200))): Image.new('RGB', size, 'white').save(folder/n)
    return [Record(folder/'p1.png', 300, 200, 'letter', [[10, 20, 110, 30], [40, 100, 200, 120]], ['black', 'border'], page=1, codes=['(b)(6)', None]), Record(folder/'p2.png', 120, 200, 'letter', [], [], page=2)]


def swap(old: str, new: str):
    def damage(f: Path):
        t = f.read_text(); assert old in t, f'{old!r} is not in {t}'
        f.write_text(t.replace(old, new, 1))
    return damage
def cut(f: Path): f.write_bytes(f.read_bytes()[:-20])
def put(data: bytes): return lambda f: f.write_bytes(data)


DAMAGE = {
    'truncated': ('coco', '', cut, ('labels', 'file', 'not JSON', 'line 1')),
    'empty': ('coco', '', put(b''), ('labels', 'file', 'empty', 'Export the labels again')),
    'latin-1': ('coco', '', put('{"images": "é"}'.encode('latin-1')), ('labels', 'not UTF-8 at byte', 'Save it as UTF-8')),
    'nested': ('coco', '', put(b'[' * 200_000), ('labels', 'nested too deeply', 'export again')),
    'a list': ('coco', '', put(b'[]'), ('labels', 'not a COCO file', 'Give an object')),
    'no table': ('coco', '', swap('"annotations"', '"annotation"'), ('labels', "'annotations' is None", 'needs a list')),
    'unknown kind': ('coco', '', swap('"border"', '"white"'), ('labels', 'annotation 2 on p1.png', "unknown kind 'white'", 'Use one of black')),
    'no category': ('coco', '', swap('"category_id": 1', '"category_id": 17'), ('annotation 1 on p1.png', 'category 17', 'Use one of')),
    'outside': ('coco', '', swap('[10, 20, 100, 10]', '[10, 20, 300, 10]'), ('annotation 1 on p1.png', 'outside the page of 300 x 200', 'Cut it')),
    'zero area': ('coco', '', swap('[10, 20, 100, 10]', '[10, 20, 100, 0]'), ('annotation 1 on p1.png', 'no area', 'delete it')),
    'turned round': ('coco', '', swap('[10, 20, 100, 10]', '[110, 20, -100, 10]'), ('annotation 1 on p1.png', 'no area', 'Draw it again')),
    'text for a number': ('coco', '', swap('[10, 20, 100, 10]', '["10", 20, 100, 10]'), ('annotation 1 on p1.png', "'10'", 'Give 4 numbers')),
    'NaN': ('coco', '', swap('[10, 20, 100, 10]', '[NaN, 20, 100, 10]'), ('annotation 1 on p1.png', 'nan', 'Give 4 numbers')),
    'three numbers': ('coco', '', swap('[10, 20, 100, 10]', '[10, 20, 100]'), ('annotation 1 on p1.png', 'bbox', 'Give 4 numbers')),
    'drawn twice': ('coco', '', swap('"bbox": [40, 100, 160, 20], "area": 3200, "iscrowd": 0, "segmentation": [[40, 100, 200, 100, 200, 120, 40, 120]]', '"bbox": [10, 20, 100, 10.1]'), ('annotation 2 on p1.png', 'lies on', 'Delete one')),
    'id twice': ('coco', '', swap('"id": 2, "image_id"', '"id": 1, "image_id"'), ('annotations[1]', 'id 1 stands there twice', 'new id')),
    'unknown page': ('coco', '', swap('"image_id": 1', '"image_id": 9'), ('annotation 1', 'image 9', 'put the image back')),
    'page twice': ('coco', '', swap('"p2.png"', '"p1.png"'), ('image 2', 'second page', 'under one page')),
    'missing picture': ('coco', '', swap('"p2.png"', '"p3.png"'), ('image 2 (p3.png)', 'no picture', 'right folder')),
    'wrong size': ('coco', '', swap('"width": 120', '"width": 121'), ('image 2 (p2.png)', 'recorded as 121 x 200', 'Correct the size')),
    'climbs out': ('coco', '', swap('"p2.png"', '"../../p2.png"'), ('image 2', 'file name', 'relative to its folder')),
    'half a polygon': ('coco', '', swap('[[10, 20, 110, 20,', '[[10, 20, 110,'), ('annotation 1 on p1.png', 'polygon', 'three or more corners')),
    'a mask': ('coco', '', swap('[[10, 20, 110, 20, 110, 30, 10, 30]]', '{"counts": "x"}'), ('annotation 1 on p1.png', 'mask', 'Give one polygon')),
    'prodigy: broken line': ('prodigy', '', cut, ('labels', 'line 2', 'not JSON')),
    'prodigy: no label': ('prodigy', '', swap('"label": "black"', '"label": null'), ('line 1, span 1', 'unknown kind None', 'Use one of')),
    'prodigy: turned page': ('prodigy', '', swap('"width": 300, "height": 200', '"width": 200, "height": 300'), ('line 1 (p1.png)', 'recorded as 200 x 300', 'Correct the size')),
    'prodigy: no picture in it': ('prodigy', '', swap('"image"', '"text"'), ('line 1', 'image is None', 'image recipe')),
    'label studio: no size': ('labelstudio', '', lambda f: f.write_text(f.read_text().replace('"original_width": 300', '"original_width": "wide"')), ('task 1 (p1.png)', 'size of the page', 'Give 2 numbers')),
    'label studio: two labels': ('labelstudio', '', swap('"black"', '"black", "gray"'), ('task 1 (p1.png), region box1', "['black', 'gray']", 'Use one of')),
    'label studio: min': ('labelstudio', '', put(b'[{"image": "p1.png", "label": []}]'), ('task 1', 'no task with a picture', 'not JSON-MIN')),
    'yolo: words': ('yolo', 'labels/p1.txt', swap('0 ', 'black '), ('p1.txt line 1', 'no number', 'whole number')),
    'yolo: unknown number': ('yolo', 'labels/p1.txt', swap('0 ', '4 '), ('p1.txt line 1', 'number 4', 'Use one of')),
    'yolo: pixels': ('yolo', 'labels/p1.txt', put(b"0 60 25 100 10\n3 .5 .5 .1 .1\n"), ('p1.txt line 1', 'outside the page of 300 x 200', 'correct')),
    'yolo: no names': ('yolo', 'data.yaml', put(b'nc: 4'), ('data.yaml', 'no list `names`', 'Name the kinds')),
    'yolo: label without page': ('yolo', 'labels/p9.txt', put(b'0 .5 .5 .1 .1\n'), ('p9.txt', 'no picture', 'images/')),
    'voc: entities': ('voc', 'Annotations/p1.xml', put(b'<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>'), ('p1.xml', 'document type', 'Delete the line')),
    'voc: cut off': ('voc', 'Annotations/p1.xml', cut, ('p1.xml', 'not XML', 'Mend that place')),
    'voc: no box': ('voc', 'Annotations/p1.xml', swap('bndbox', 'box'), ('p1.xml', 'not XML')),
    'voc: words': ('voc', 'Annotations/p1.xml', swap('<xmin>11<', '<xmin>left<'), ('p1.xml object 1', "'left'", 'Give 4 numbers')),
    'imagefolder: lengths': ('imagefolder', 'metadata.jsonl', swap('["black", "border"]', '["black"]'), ('line 1 (p1.png)', 'no lists of one length', 'one entry in each list')),
    'imagefolder: numbers': ('imagefolder', 'metadata.jsonl', swap('["black", "border"]', '[0, 3]'), ('line 1 (p1.png), box 1', 'unknown kind 0', 'Use one of')),
}


@pytest.mark.parametrize('case', DAMAGE)
def test_damage_is_named(case, tmp_path):
    name, part, damage, words = DAMAGE[case]
    f = tmp_path/'labels'; WRITERS[name](pages(tmp_path), f); damage(f/part if part else f)
    images = f/'images' if name == 'yolo' else tmp_path
    with pytest.raises(BadLabels) as e: read_labels(f, images, name)
    assert e.value.code == 'labels' and str(f) in str(e.value)
    for w in words: assert w in str(e.value), (w, str(e.value))
    found = [p for p in check_file(f, images, name) if not p.fixed]
    assert found and all(p.record and p.what and p.remedy for p in found)


# ---- anything at all
ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(['p1.png', 'black', 'rect', '\ud800', '../x', 10**30]), lambda c: st.lists(c, max_size=4) | st.dictionaries(st.sampled_from(
    ['id', 'x', 'y', 'width', 'height', 'points', 'label', 'value', 'bbox', 'image', 'data', 'result', 'text']), c, max_size=4), max_leaves=6)


def spots(v, path=()):
    yield path
    for k, x in v.items() if isinstance(v, dict) else enumerate(v) if isinstance(v, list) else (): yield from spots(x, (*path, k))


def replaced(v, path, new):
    if not path: return new
    v = copy.copy(v); v[path[0]] = replaced(v[path[0]], path[1:], new)
    return v


@pytest.mark.parametrize('name', ['coco', 'prodigy', 'labelstudio', 'imagefolder'])
def test_any_value_anywhere_is_read_or_named(name, tmp_path):
    f = tmp_path/'labels'; WRITERS[name](pages(tmp_path), f); f = f/'metadata.jsonl' if name == 'imagefolder' else f
    lines = name in ('prodigy', 'imagefolder'); good = [json.loads(l) for l in f.read_text().splitlines()] if lines else json.loads(f.read_text()); where = list(spots(good))[1:]

    @settings(max_examples=600 if SLOW else 150, **SETTINGS)
    @given(st.sampled_from(where), ANY)
    def check(path, value):
        v = replaced(good, path, value); f.write_text('\n'.join(map(json.dumps, v)) if lines else json.dumps(v))
        problems = []; kept = read_labels(f, tmp_path, name, problems)
        for r in kept: assert (r.xyxy >= 0).all() and (r.xyxy[:, [2, 3]] <= [r.width, r.height]).all() and set(r.kind) <= set(KINDS)
        write_coco(kept, tmp_path/'out.json') if not any(p.code == 'duplicate-box' for p in problems) else None
    check()


@pytest.mark.parametrize('name', WRITERS)
def test_any_bytes_are_read_or_named(name, tmp_path):
    f = tmp_path/'labels'; WRITERS[name](pages(tmp_path), f)
    part = {'yolo': 'labels/p1.txt', 'voc': 'Annotations/p1.xml', 'imagefolder': 'metadata.jsonl'}.get(name); g = f/part if part else f; good = g.read_bytes(); rng = random.Random(7)
    for _ in range(60):
        b = bytearray(good)
        for _ in range(rng.choice([1, 1, 3, 20])):
            i = rng.randrange(len(b) + 1); b[i:i + rng.choice([0, 1, 1, 9])] = bytes(rng.choice([b'\x00', b'\xff', b'"', b'}', b'<', b'9', b'-', b'', b'e999', b'\n', b'&x;']))
        g.write_bytes(b); read_labels(f, None, name, [])


def test_a_thousand_entities_cost_nothing(tmp_path):
    f = tmp_path/'voc'; WRITERS['voc'](pages(tmp_path), f)
    bomb = '<!DOCTYPE l [<!ENTITY a0 "' + 'ha' * 50_000 + '">' + ''.join(f'<!ENTITY a{i} "{f"&a{i-1};" * 20}">' for i in range(1, 12)) + ']><annotation>&a11;</annotation>'
    (f/'Annotations'/'p1.xml').write_text(bomb); start = time.process_time(); found = check_file(f)
    assert [p.code for p in found] == ['doctype'] and time.process_time() - start < 1


def test_ten_thousand_pages_in_seconds(tmp_path):
    r = np.random.default_rng(0); n = 10_000 if SLOW else 2_000
    box = lambda: np.stack([x := np.arange(10) * 150 + 5, y := r.integers(0, 1900, 10), x + r.integers(20, 140, 10), y + r.integers(10, 100, 10)], 1)
    f = write_coco([Record(Path(f'p{i:05d}.png'), 1700, 2200, f'd{i // 10}', box(), ['black'] * 10, page=i % 10 + 1) for i in range(n)], tmp_path/'many.json')
    start = time.process_time(); assert not check_labels(f); assert time.process_time() - start < n / 500


def test_stopped_half_way_leaves_nothing(tmp_path):
    (p := tmp_path/'pages').mkdir(); two = pages(p); (p/'p2.png').unlink()
    with pytest.raises(LabelError, match='no such picture'): WRITERS['yolo'](two, tmp_path/'yolo')
    assert [x.name for x in tmp_path.iterdir()] == ['pages']


def test_convert_guesses_and_tells(tmp_path):
    (p := tmp_path/'pages').mkdir(); src = WRITERS['coco'](pages(p), tmp_path/'a.json')
    for name in WRITERS:
        assert convert_labels(src, tmp_path/f'o_{name}{".jsonl" if name == "prodigy" else ""}', name, images=p) == []
        assert guess_format(tmp_path/f'o_{name}{".jsonl" if name == "prodigy" else ""}') == name


def test_nothing_heavy_is_imported():
    code = 'import redaction.formats, sys; print([m for m in ("torch", "fastai", "matplotlib", "pandas", "gradio", "yaml") if m in sys.modules])'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT).stdout.strip() == '[]'


assert set(READERS) == set(WRITERS)
