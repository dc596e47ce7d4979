"""Scans that are killed, fed with damage, and spread over Ray: the tables must be the same."""
import io, json, os, random, shutil, signal, subprocess, sys, time, zipfile
import pytest
from conftest import COMMAND, ROOT

pytest.importorskip('pyarrow')
import pyarrow.parquet as pq
from redaction.scan import scan
from redaction.tables import ScanError, read_documents

FILES = ROOT/'nbs/files'
SLOW = bool(os.environ.get('REDACTION_SLOW'))
slow = pytest.mark.skipif(not SLOW, reason='set REDACTION_SLOW=1 for the long version')
TABLES = ('documents.parquet', 'pages.parquet', 'redactions.parquet')


def tables(out): return {t: (out/t).read_bytes() for t in TABLES}


def other(data, n): return data + b'\n%% %d\n' % n  # another content, the same document


def long_pdf(pages, seed=0):
    "A PDF with a bar at another place on each page"
    objects = [b'<</Type/Catalog/Pages 2 0 R>>', b'']
    for n in range(pages):
        body = b'0 g %d %d 200 14 re f' % (60 + 7 * n % 200, 80 + (37 * n + seed) % 600)
        objects += [b'<</Length %d>>stream\n' % len(body) + body + b'\nendstream', b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R>>' % (2 * n + 3)]
    objects[1] = b'<</Type/Pages/Count %d/Kids[' % pages + b' '.join(b'%d 0 R' % (2 * n + 4) for n in range(pages)) + b']>>'
    out, at = io.BytesIO(), []
    out.write(b'%PDF-1.4\n')
    for i, o in enumerate(objects, 1): at.append(out.tell()); out.write(b'%d 0 obj\n' % i + o + b'\nendobj\n')
    start = out.tell()
    out.write(b'xref\n0 %d\n0000000000 65535 f \n' % (len(objects) + 1) + b''.join(b'%010d 00000 n \n' % o for o in at))
    out.write(b'trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n' % (len(objects) + 1, start))
    return out.getvalue()


# killed and started again

CHILD = "import sys, json; from redaction.scan import scan; a = json.loads(sys.argv[1]); scan(a['sources'], a['out'], workers=2, jsonl=True, progress=False, own=dict(range_pages=2, part_pages=2))"


def heed(): signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background has it ignored, and children inherit that


def start(pile, out): return subprocess.Popen([sys.executable, '-c', CHILD, json.dumps(dict(sources=[str(pile)], out=str(out)))], cwd=ROOT, preexec_fn=heed)


def finish(pile, out): assert start(pile, out).wait(120) == 0; return tables(out) | {'jsonl': (out/'documents.jsonl').read_bytes()}


@pytest.fixture
def pile(tmp_path):
    "Some documents, long and short, plain and in an archive, one of them damaged and one twice"
    p = tmp_path/'pile'; p.mkdir()
    for n in range(3): (p/f'long{n}.pdf').write_bytes(long_pdf(6, n))
    for n in ('good.pdf', 'three_frames.tif', 'truncated.pdf', 'damaged_second_page.pdf', 'page.png'): shutil.copy(FILES/n, p)
    shutil.copy(FILES/'good.pdf', p/'twice.pdf')
    with zipfile.ZipFile(p/'all.zip', 'w') as z: z.write(FILES/'exif_rotated.jpg', 'a.jpg'); z.writestr('b.pdf', other((FILES/'good.pdf').read_bytes(), 1))
    return p


def kill_often(pile, tmp_path, times, seed):
    "SIGKILL at random moments of scans into one folder, then let one finish; the number of kills that hit"
    t = time.monotonic(); quiet = finish(pile, tmp_path/'quiet'); whole = time.monotonic() - t
    moment, hits, out = random.Random(seed), 0, tmp_path/'out'
    while hits < times:
        run = start(pile, out)
        try: run.wait(moment.uniform(.3, whole))
        except subprocess.TimeoutExpired: run.send_signal(signal.SIGKILL); run.wait(); hits += 1
        else: assert finish(pile, out) == quiet; shutil.rmtree(out)  # it was through: begin again
    assert finish(pile, out) == quiet
    left = [p.name for p in (out/'.parts').iterdir() if p.is_dir()]
    assert len(left) == 1 and left[0].endswith('merged'), left


def test_killed(pile, tmp_path):
    "Killed three times, the tables equal those of an undisturbed run, byte for byte"
    kill_often(pile, tmp_path, 3, seed=1)


@slow
def test_killed_twenty_times(pile, tmp_path): kill_often(pile, tmp_path, 20, seed=2)


def test_interrupted_keeps_what_it_has(pile, tmp_path):
    "Ctrl-C puts the results so far on disk, and the next run looks at the other pages only"
    run = start(pile, tmp_path/'out')
    while not any(p.name[0] == '0' for p in (tmp_path/'out/.parts').glob('*')) and run.poll() is None: time.sleep(.02)
    run.send_signal(signal.SIGINT)
    if run.wait(30) == 0: pytest.skip('it was through before the signal')
    s = scan([pile], tmp_path/'out', workers=1, progress=False)
    assert s.pages < 18 + 2 + 3 + 1 + 1 + 2 and s.documents == 11


def test_stopped_at_the_terminal(tmp_path):
    "Ctrl-C reaches every process of the scan, and one line is said"
    (tmp_path/'long.pdf').write_bytes(long_pdf(300))
    run = subprocess.Popen([COMMAND, 'scan', tmp_path/'long.pdf', '--out', tmp_path/'out', '--workers', '1'], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heed)
    while not (tmp_path/'out/.parts/spool').exists() and run.poll() is None: time.sleep(.02)
    time.sleep(1); os.killpg(run.pid, signal.SIGINT); out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err) == (130, '', 'stopped; the same command goes on where it was\n')


def test_more_memory(tmp_path):
    "What was refused for the memory of its process is looked at again with more, and only then"
    (tmp_path/'docs').mkdir(); shutil.copy(FILES/'good.pdf', tmp_path/'docs'); command = [COMMAND, 'scan', 'docs', '--out', 'out', '--workers', '1']
    go = lambda: subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    (tmp_path/'settings.ini').write_text('[worker]\nmemory = 30000000\n')
    for said in ('1 not read; 0 pages', '1 known already; 0 pages'): r = go(); assert r.returncode == 1 and said in r.stdout and 'memory is 30000000' in r.stderr, r
    (tmp_path/'settings.ini').unlink(); r = go(); assert r.returncode == 0 and '2 pages looked at' in r.stdout, r


def test_sources_that_are_gone(pile, tmp_path):
    "A disk that isn't mounted does not empty the tables"
    command = [COMMAND, 'scan', pile, '--out', tmp_path/'out', '--jsonl', '--marked', '--workers', '1']
    assert subprocess.run(command, capture_output=True).returncode == 1  # some are damaged
    state = lambda: {p.name: p.read_bytes() for p in (tmp_path/'out').rglob('*') if p.is_file() and '.parts' not in p.parts}
    before = state(); pile.rename(tmp_path/'away')
    for make in (lambda: None, pile.mkdir):
        make(); r = subprocess.run(command, capture_output=True, text=True)
        assert r.returncode == 2 and len(r.stderr.splitlines()) == 1 and str(pile) in r.stderr and 'delete' in r.stderr and state() == before, r
    pile.rmdir(); (tmp_path/'away').rename(pile)
    assert subprocess.run(command, capture_output=True).returncode == 1 and state() == before


def test_one_of_the_sources_is_gone(tmp_path):
    "A folder, or a pattern, that had documents and has none now, is told before anything is changed"
    for name in ('a', 'b'): (tmp_path/name).mkdir(); (tmp_path/name/f'{name}.pdf').write_bytes((FILES/'good.pdf').read_bytes() + name.encode())
    for last in (tmp_path/'b', tmp_path/'b/*.pdf'):
        out = tmp_path/f'out{len(str(last))}'; command = [COMMAND, 'scan', tmp_path/'a', last, '--out', out, '--workers', '1']
        assert subprocess.run(command).returncode == 0
        before = (out/'documents.parquet').read_bytes(); (tmp_path/'b/b.pdf').rename(tmp_path/'away')
        r = subprocess.run(command, capture_output=True, text=True)
        assert r.returncode == 2 and str(last) in r.stderr and (out/'documents.parquet').read_bytes() == before, r
        (tmp_path/'away').rename(tmp_path/'b/b.pdf')


def test_patterns_and_brackets_that_are_gone(tmp_path):
    "A pattern over folders, and a folder whose name looks like a pattern, are refused too when nothing is left of them"
    for name, source in (('docs', 'docs/**/*.pdf'), ('x[1]', 'x[1]')):
        at = tmp_path/name; at.mkdir(); shutil.copy(FILES/'good.pdf', at/'a.pdf'); shutil.copy(FILES/'page.png', tmp_path/'other.png'); out = tmp_path/f'out-{name}'
        here = [tmp_path/source, tmp_path/'other.png']
        assert scan(here, out, workers=1, progress=False).documents == 2
        before = tables(out); at.rename(tmp_path/'away')
        with pytest.raises(ScanError, match='where there is nothing to read now'): scan(here, out, workers=1, progress=False)
        assert tables(out) == before; shutil.rmtree(tmp_path/'away')


def test_members_of_one_name(tmp_path):
    "Each is a document in the tables, and each marked copy is of its own"
    with zipfile.ZipFile(tmp_path/'a.zip', 'w') as z, pytest.warns(UserWarning, match='Duplicate'):
        z.writestr('x.pdf', (FILES/'good.pdf').read_bytes()); z.writestr('x.pdf', long_pdf(3))
    out = tmp_path/'out'; scan([tmp_path/'a.zip'], out, workers=2, progress=False, jsonl=True, marked=True)
    docs = sorted(read_documents(out), key=lambda d: d['document'])
    assert [(d['document'].partition('!')[2], len(d['pages'])) for d in docs] == [('x (2).pdf', 3), ('x.pdf', 2)]
    assert {p.name[:16] for p in (out/'marked').iterdir()} == {d['sha256'][:16] for d in docs if any(p['redactions'] for p in d['pages'])}


# damage

def recursive(): return b'%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Count 3/Kids[2 0 R 2 0 R 2 0 R]>>\nendobj\ntrailer\n<</Root 1 0 R/Size 3>>\nstartxref\n9\n%%EOF\n'


def write_bad(p, n):
    "One document of each of 20 ways to be damaged, under names that end in `n`; how many"
    for name in ('truncated.pdf', 'encrypted_password_secret.pdf', 'encrypted_unknown_handler.pdf', 'no_pages.pdf', 'huge_page.pdf', 'ribbon_page.pdf', 'broken_inside.pdf', 'damaged_second_page.pdf',
                 'bomb_image.pdf', 'bomb_image_in_form.pdf', 'bomb.png', 'truncated.jpg', 'truncated.tif', 'not_a_pdf.pdf'):
        data = (FILES/name).read_bytes(); (p/f'bad{n}_{name}').write_bytes(data if name.endswith(('jpg', 'tif', 'png')) else other(data, n))
    (p/f'bad{n}_empty.pdf').write_bytes(b''); (p/f'bad{n}_tree.pdf').write_bytes(other(recursive(), n))
    (p/f'bad{n}_loop.pdf').symlink_to(f'bad{n}_loop.pdf'); os.mkfifo(p/f'bad{n}_pipe.pdf')
    with open(os.fsencode(p) + b'/bad%d_caf\xe9.pdf' % n, 'wb') as f: f.write(b'%PDF-1.7\n')
    with zipfile.ZipFile(p/f'bad{n}.zip', 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('inner.zip', b'PK')
    return 20


def write_good(p, n):
    "A document that can be read, in one of many dresses"
    name = ('good.pdf', 'encrypted_empty_password.pdf', 'rotated_90.pdf', 'cropped.pdf', 'form_field.pdf', 'page.webp', 'page.png', 'exif_rotated.jpg', 'three_frames.tif', 'rotated_180.pdf')[n % 10]
    data = (FILES/name).read_bytes()
    if n == 11: return (p/'ok_wrong_extension.png').write_bytes(other(data, n))
    if n == 12: return (p/'ok_no_extension').write_bytes(other(data, n))
    if n == 13: return open(os.fsencode(p) + b'/ok_\xff.pdf', 'wb').write(other(data, n))
    if n == 14:
        with zipfile.ZipFile(p/'ok.zip', 'w', zipfile.ZIP_DEFLATED) as z: return z.writestr('../../ok.pdf', other(data, n))
    (p/f'ok{n}_{name}').write_bytes(other(data, n) if name.endswith('.pdf') else data)


def damaged_folder(tmp_path, good, copies):
    p = tmp_path/'pile'; p.mkdir()
    bad = sum(write_bad(p, n) for n in range(copies))
    for n in range(good): write_good(p, n)
    if copies == 1: shutil.copy(FILES/'stuck_page.pdf', p/'bad_stuck.pdf'); bad += 1
    told = []
    s = scan([p], tmp_path/'out', workers=2, progress=False, say=told.append, max_seconds=1.)
    rows = pq.read_table(tmp_path/'out/documents.parquet').to_pylist()
    wrong = [(r['document'], r['error']) for r in rows if ('/bad' in r['document']) != bool(r['error'])]
    assert not wrong and (s.documents, s.errors, s.status) == (good + bad, bad, 1)
    assert len(rows) == good + bad and len(told) == bad and all(r['error_code'] and r['document'] in r['error'] for r in rows if r['error'])
    assert all(r['pages'] > 0 for r in rows if not r['error']) and not (tmp_path/'ok.pdf').exists()
    assert list((tmp_path/'out/.parts').glob('spool*')) == []
    return s


def test_damaged_folder(tmp_path):
    "Of 61 documents 21 are damaged in as many ways: each is named, the others are right, and it ends in time"
    assert damaged_folder(tmp_path, 40, 1).seconds < 120


@slow
def test_damaged_folder_large(tmp_path): assert damaged_folder(tmp_path, 440, 3).seconds < 600


# engines

def test_ray_gives_the_same(pile, tmp_path):
    "Ray with two processors ends, and its tables equal the local ones byte for byte"
    pytest.importorskip('ray')
    code = "import sys; from redaction.scan import scan; print(scan([sys.argv[1]], sys.argv[2], engine='ray', workers=2, progress=False).pages)"
    for _ in range(3):  # Ray gives itself thirty seconds to start, which a busy machine may need twice
        r = subprocess.run([sys.executable, '-c', code, str(pile), str(tmp_path/'ray')], cwd=ROOT, capture_output=True, text=True, timeout=240)
        if 'timed out during startup' not in r.stderr: break
    assert r.returncode == 0, r.stderr
    s = scan([pile], tmp_path/'local', workers=2, progress=False)
    assert int(r.stdout.split()[-1]) == s.pages and tables(tmp_path/'ray') == tables(tmp_path/'local')


def test_rows_are_what_detect_finds(pile, tmp_path):
    "Each document of the tables reads as `redaction detect` writes it"
    from redaction.predict import Predictor
    scan([pile], tmp_path/'out', workers=1, progress=False)
    found = {d['document']: d for d in read_documents(tmp_path/'out')}
    for name in ('long1.pdf', 'three_frames.tif', 'truncated.pdf', 'damaged_second_page.pdf'):
        doc, = Predictor().detect_many([pile/name])
        assert found[str(pile/name)] == json.loads(doc.to_json())
