"""The command line from outside: what it writes where, its exit status, and what it costs."""
import json, os, re, shutil, subprocess, sys
import pypdfium2
import pytest
from conftest import COMMAND, ROOT

KEYS = {'document', 'sha256', 'model', 'error', 'pages'}
PAGE_KEYS = {'page', 'width', 'height', 'unit', 'redacted_share', 'content_share', 'redactions'}
BOX_KEYS = {'bbox', 'score', 'kind', 'code'}


def lines(result): return [json.loads(line) for line in result.out.splitlines()]


def test_broken_and_good(redaction, letter, tmp_path):
    "A broken document gets its line and its message, the good one its redactions"
    broken = tmp_path/'broken.pdf'
    broken.write_bytes(letter.read_bytes()[:2000])
    r = redaction('detect', broken, letter, '--format', 'json')
    bad, good = lines(r)
    assert r.status == 1
    assert (bad['document'], bad['pages']) == (str(broken), []) and 'broken.pdf' in bad['error']
    assert good['error'] is None and any(p['redactions'] for p in good['pages'])
    assert len(r.err.splitlines()) == 1 and 'broken.pdf' in r.err


def test_json_contract(redaction, letter):
    "Each key of the contract, none else, and boxes inside their page"
    r = redaction('detect', letter, '--format', 'json')
    doc, = lines(r)
    assert (r.status, r.err, set(doc)) == (0, '', KEYS)
    assert re.fullmatch('[0-9a-f]{64}', doc['sha256']) and doc['model']
    assert [p['page'] for p in doc['pages']] == list(range(1, len(doc['pages']) + 1))
    for p in doc['pages']:
        assert set(p) == PAGE_KEYS and p['unit'] == 'pt' and 0 <= p['redacted_share'] <= p['content_share'] <= 1
        for b in p['redactions']:
            assert BOX_KEYS <= set(b) <= BOX_KEYS | {'text'} and 0 <= b['score'] <= 1 and b['kind'] in ('black', 'gray', 'color', 'border')
            x0, y0, x1, y1 = b['bbox']
            assert 0 <= x0 < x1 <= p['width'] and 0 <= y0 < y1 <= p['height']


@pytest.mark.parametrize('name, content', [
    ('empty.pdf', b''), ('words.pdf', b'no document at all'), ('header.pdf', b'%PDF-1.7\n'), ('cut.png', b'\x89PNG\r\n\x1a\n\0\0\0\rIHDR'),
    ('cut.jpg', b'\xff\xd8\xff\xe0'), ('cut.tif', b'II*\0\x08\0\0\0'), ('cut.webp', b'RIFF\0\0\0\0WEBPVP8 '), ('gone.pdf', None)])
def test_refusals(redaction, letter, tmp_path, name, content):
    "What can't be read is named on one line, and the next document is still looked at"
    bad = tmp_path/name
    if content is not None: bad.write_bytes(content)
    r = redaction('detect', bad, letter, '--format', 'json')
    first, second = lines(r)
    assert r.status == 1 and first['error'] and first['pages'] == [] and second['error'] is None
    assert len(r.err.splitlines()) == 1 and name in r.err and 'Traceback' not in r.err


def test_password(redaction):
    "An encrypted document asks for its password, and opens with the right one only"
    locked = 'nbs/files/encrypted_password_secret.pdf'
    asked, wrong, right = (redaction('detect', locked, '--format', 'json', *more) for more in ([], ['--password', 'guess'], ['--password', 'secret']))
    assert [r.status for r in (asked, wrong, right)] == [1, 1, 0] and '--password' in asked.err
    assert redaction('detect', locked, REDACTION_PASSWORD='secret').status == 0
    assert redaction('detect', 'nbs/files/encrypted_empty_password.pdf').status == 0


@pytest.mark.parametrize('args', [
    [], ['detect'], ['detect', 'a.pdf', '--format', 'xml'], ['detect', 'a.pdf', '--threshold', '2'], ['detect', 'a.pdf', '--dpi', '0'],
    ['detect', 'a.pdf', '--model', 'no-such-package'], ['detect', 'a.pdf', '--no-such-option'], ['forget'], ['evaluate', 'gone.json', 'gone.jsonl']])
def test_wrong_usage(redaction, args):
    "Wrong usage is status 2, with a message and without a traceback"
    r = redaction(*args)
    assert r.status == 2 and 'Traceback' not in r.err and (r.out or r.err)


def test_folder(redaction, letter, tmp_path):
    "Folders are searched in order, and a link to a parent does no harm"
    (tmp_path/'b').mkdir(); (tmp_path/'b/loop').symlink_to(tmp_path)
    shutil.copy(letter, tmp_path/'b/late.PDF'); shutil.copy(letter, tmp_path/'a.pdf'); (tmp_path/'notes.txt').write_text('no document')
    r = redaction('detect', tmp_path, '--format', 'json')
    assert r.status == 0 and [d['document'] for d in lines(r)] == [str(tmp_path/'a.pdf'), str(tmp_path/'b/late.PDF')]


def test_odd_names(redaction, letter, tmp_path):
    "A name with control characters or without valid UTF-8 stands in the JSON as in a scan's tables, and stays off the terminal"
    odd = os.path.join(os.fsencode(tmp_path), b'red\x1b[31m\n\xff.pdf')
    shutil.copy(letter, odd)
    for form in ('json', 'csv', 'table'):
        r = redaction('detect', tmp_path, '--format', form)
        assert r.status == 0
        if form == 'json': assert lines(r)[0]['document'] == f'{tmp_path}/red\x1b[31m\n\\xff.pdf' and '\\ud' not in r.out
        if form == 'csv': assert r'\xff.pdf' in r.out and '\\ud' not in r.out
        if form == 'table': assert '\x1b' not in r.out


def test_left_out(redaction, letter, tmp_path):
    "What a search passes over is told in one line: other types, archives, and copies we marked; a file that is named is looked at"
    for n in ('a.gif', 'b.GIF', 'c.zip', '.hidden.gif'): (tmp_path/n).touch()
    shutil.copy(letter, tmp_path/'x.pdf'); assert redaction('detect', letter, '--annotate', tmp_path).status == 0 and (tmp_path/'letter-marked.pdf').exists()
    for command in (['detect'], ['leaks'], ['classify']):
        r = redaction(*command, tmp_path, '--format', 'json')
        assert r.status == 0 and [d['document'] for d in lines(r)] == [str(tmp_path/'x.pdf')], r
        assert r.err == f'left out in {tmp_path}: 2 .gif, 1 .zip, 1 marked copy; redaction scan opens archives\n'
    (tmp_path/'m').mkdir(); shutil.copy(letter, tmp_path/'m/theirs-marked.pdf'); assert redaction('detect', tmp_path/'x.pdf', '--annotate', tmp_path/'m').status == 0
    r = redaction('detect', tmp_path/'m', tmp_path/'m/x-marked.pdf', '--format', 'json')
    assert [d['document'] for d in lines(r)] == [str(tmp_path/'m'/n) for n in ('theirs-marked.pdf', 'x-marked.pdf')] and r.err == f'left out in {tmp_path}/m: 1 marked copy\n'


def test_folder_that_is_closed(redaction, tmp_path):
    "It is told why a folder could not be searched"
    (tmp_path/'closed').mkdir(mode=0)
    if os.access(tmp_path/'closed', os.R_OK): pytest.skip('nothing is forbidden to root')
    for command in ('detect', 'leaks'):
        r = redaction(command, tmp_path, '--format', 'json')
        assert r.status == 1 and r.err == f"{tmp_path}/closed: the folder can't be read: Permission denied\n" and lines(r)[0]['error'] == r.err.strip()


def test_formats_agree(redaction, letter):
    "JSON, CSV and the table count the same redactions"
    doc, = lines(redaction('detect', letter, '--format', 'json'))
    n = sum(len(p['redactions']) for p in doc['pages'])
    assert n > 0
    assert len(redaction('detect', letter, '--format', 'csv').out.splitlines()) == n + 1
    assert redaction('detect', letter).out.splitlines()[-1].startswith(f'{n} redaction')


def test_annotate(redaction, letter, tmp_path):
    "The marked copy has the pages of the document and a rectangle for each redaction; the document itself stays as it was"
    before = letter.read_bytes()
    r = redaction('detect', letter, '--annotate', tmp_path/'marked', '--format', 'json')
    doc, = lines(r)
    copy = tmp_path/'marked/letter-marked.pdf'
    assert r.status == 0 and str(copy) in r.err and letter.read_bytes() == before
    pdf = pypdfium2.PdfDocument(copy)
    notes = [pypdfium2.raw.FPDFPage_GetAnnotCount(page) for page in pdf]
    assert notes == [len(p['redactions']) for p in doc['pages']]


def test_annotate_image(redaction, letter, tmp_path):
    "An image gets a PNG, and one without a name of its own does not overwrite another's"
    picture = pypdfium2.PdfDocument(letter)[0].render(scale=2).to_pil()
    for folder in ('a', 'b'): (tmp_path/folder).mkdir(); picture.save(tmp_path/folder/'page.png')
    r = redaction('detect', tmp_path/'a', tmp_path/'b', '--annotate', tmp_path/'marked')
    made = sorted(p.name for p in (tmp_path/'marked').glob('[!.]*'))
    assert r.status == 0 and len(made) == 2 and all(n.endswith('.png') for n in made)


def test_pages_to_score(redaction, tmp_path):
    "Drawn pages, detection and scores, from one command to the next"
    assert redaction('synth', tmp_path/'pages', '-n', 3, '--seed', 5).status == 0
    found = redaction('detect', tmp_path/'pages/images', '--format', 'json')
    (tmp_path/'found.jsonl').write_text(found.out)
    r = redaction('evaluate', tmp_path/'pages/annotations.json', tmp_path/'found.jsonl', '--json')
    assert r.status == 0, r.err
    score = json.loads(r.out)['ALL']
    assert score['documents'] == 3 and score['found'] > 0 and not r.err
    (tmp_path/'one.jsonl').write_text(found.out.splitlines()[0] + '\n')
    assert redaction('evaluate', tmp_path/'pages/annotations.json', tmp_path/'one.jsonl').err == '2 of 3 labelled pages have no prediction; they count as missed\n'


def test_help_costs_nothing(redaction):
    "Help answers at once, fits a screen and shows an example"
    redaction('--help')  # the first run writes byte code
    r = redaction('--help')
    assert r.cpu < 1 and len(r.out.splitlines()) <= 24 and 'Example: redaction detect' in r.out
    for group in ([], ['data'], ['model'], ['space']): assert '...\n' not in redaction(*group, '--help').out.partition('Commands:')[2]   # no summary is cut


def test_first_detection_is_quick(redaction, letter):
    "The first answer takes less than three seconds of CPU, start included"
    redaction('detect', letter)
    assert redaction('detect', letter, OMP_NUM_THREADS='1').cpu < 3


def test_what_runs_needs_no_torch(letter):
    "A detection loads nothing of what trains"
    code = f"import sys; from redaction.predict import detect; detect({str(letter)!r}); print([m for m in ('torch', 'fastai', 'scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip() == '[]'


def test_closed_pipe(letter):
    "A reader that goes away early ends the command without a traceback"
    r = subprocess.run(f'"{COMMAND}" detect "{letter}" "{letter}" --format json | head -c 10', shell=True, capture_output=True, text=True)
    assert 'Traceback' not in r.stderr and 'Exception ignored' not in r.stderr


def test_model_of_another_version(redaction, letter, tmp_path):
    "A package whose judge asks for other columns ends the command with one line that says what to do, before any output"
    from redaction.core import sha256
    from redaction.predict import default_package
    model = tmp_path/'model'; shutil.copytree(default_package(), model)
    trees, about = (json.loads((model/f).read_text()) for f in ('judge.json', 'model.json'))
    trees['features'].pop(); (model/'judge.json').write_text(json.dumps(trees))
    (model/'model.json').write_text(json.dumps(about | dict(judge=sha256(model/'judge.json'))))
    for style in ('table', 'json', 'csv'):
        r = redaction('detect', letter, '--model', model, '--format', style)
        assert r.status == 2 and len(r.err.splitlines()) == 1 and 'judge.json' in r.err and 'export the model again' in r.err and 'samples' not in r.out, (style, r)


def test_one_line(redaction, tmp_path):
    "What goes wrong is told in one line, without the remarks of libraries"
    r = redaction('export', tmp_path, tmp_path/'out')
    assert (r.status, len(r.err.splitlines())) == (2, 1) and 'not a finished run' in r.err, r


def test_copies_within(redaction, letter, tmp_path):
    "Documents in the folder for copies are looked at, files of the same name stay, and a file may be called like an argument"
    (tmp_path/'in').mkdir(); shutil.copy(letter, tmp_path/'in/b.pdf'); shutil.copy(letter, tmp_path/'a.pdf'); (tmp_path/'in/a-marked.pdf').write_text('theirs')
    r = redaction('detect', tmp_path, '--annotate', tmp_path/'in', '--format', 'json')
    assert [os.path.basename(d['document']) for d in lines(r)] == ['a.pdf', 'a-marked.pdf', 'b.pdf'] and (tmp_path/'in/a-marked.pdf').read_text() == 'theirs' and (tmp_path/'in/a-marked-2.pdf').exists()
    r = redaction('detect', 'paths', '--format', 'csv'); assert r.status == 1 and r.err == 'paths: no such file\n'
