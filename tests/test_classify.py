"""The page classifier from outside: a package trained in one process, used in another, by the library, the command's function and the server."""
import io, json, os, subprocess, sys
import numpy as np
import pytest
from PIL import Image
from conftest import ROOT

pytest.importorskip('fastai')
FILES = ROOT/'nbs/files'
LABELS = ('unredacted', 'redacted')
TRAIN = '''
import sys, torch, numpy as np
from pathlib import Path
torch.set_num_threads(1); torch.manual_seed(0); np.random.seed(0)
from redaction.classify import *
folder = Path(sys.argv[1])
parts = page_folds(items_from_folder(folder/'pages', lambda p: p.stem.split('-')[0]), 4)
learn = page_learner(page_dataloaders(sum(parts[1:], []), parts[0], 128, 8), path=folder, widths=(8, 12, 16, 24, 32), depths=(0, 0, 1, 1, 1)).fit_pages(8, 8e-3)
z, truth = learn.page_logits(parts[0]), np.array([i.label == 'redacted' for i in parts[0]])
s = score_classes(softmax(z)[:, 1], truth, [i.document for i in parts[0]])
export_classifier(learn, folder/'package', find_temperature(z, truth.astype(int)), metrics={'accuracy': str(s['accuracy'])}, data={'made': '48 pages'})
print(s['auc'].value)
'''


def plain_page(seed, redacted):
    "Grey lines of text, and one solid bar"
    r = np.random.default_rng(seed); a = np.full((256, 190, 3), 255, np.uint8)
    for y in range(20, 240, 9): a[y:y + 3, 15:int(r.integers(90, 175))] = 120
    if redacted: y, x = int(r.integers(20, 220)), int(r.integers(15, 100)); a[y:y + 14, x:x + 60] = 0
    return a


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    "A folder with pages, and a package trained on them by a process of its own"
    folder = tmp_path_factory.mktemp('classify')
    for n in range(64):
        f = folder/'pages'/LABELS[n % 2]/f'doc{n // 4:02d}-{n % 4}.png'; f.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(plain_page(n, n % 2)).save(f)
    r = subprocess.run([sys.executable, '-c', TRAIN, folder], capture_output=True, text=True, cwd=ROOT, env=os.environ | dict(OMP_NUM_THREADS='1', PYTHONPATH=str(ROOT)), timeout=300)
    assert r.returncode == 0, r.stderr[-3000:]
    return folder, float(r.stdout)


def test_learns_and_travels(made):
    "What was trained tells pages apart, and the package says the same without torch"
    folder, auc = made
    assert auc > .9
    code = '''
import sys, json, numpy as np
from PIL import Image
from redaction.classifier import Classifier
c = Classifier(sys.argv[1])
print(json.dumps([c.probability(np.array(Image.open(f))) for f in sys.argv[2:]]))
assert not {'torch', 'fastai', 'pandas', 'matplotlib'} & set(sys.modules)'''
    pages = []
    for n in range(200, 220): f = folder/f'new{n}.png'; Image.fromarray(plain_page(n, n % 2)).save(f); pages.append(f)
    r = subprocess.run([sys.executable, '-c', code, folder/'package', *pages], capture_output=True, text=True, cwd=ROOT)
    assert r.returncode == 0, r.stderr
    p = json.loads(r.stdout)
    assert np.mean([(v > .5) == n % 2 for n, v in enumerate(p)]) >= .85 and all(0 <= v <= 1 for v in p)
    about = json.loads((folder/'package/model.json').read_text())
    assert about['classes'] == list(LABELS) and about['size'] == 128 and 'accuracy' in about['metrics'] and 'made' in (folder/'package/README.md').read_text()


@pytest.mark.parametrize('format', ['table', 'json', 'csv'])
def test_command(made, format, capsys):
    "A good and a broken document in each form: the good one answered, the broken one named, status 1"
    from redaction.classifier import classify
    out = io.StringIO()
    assert classify([FILES/'good.pdf', FILES/'truncated.jpg'], format, made[0]/'package', file=out) == 1
    text, told = out.getvalue(), capsys.readouterr().err
    assert 'truncated.jpg' in told and len(told.splitlines()) == 1 and 'good.pdf' in text
    if format == 'json':
        good, bad = map(json.loads, text.splitlines())
        assert bad['error'] and bad['pages'] == [] and good['sha256'] and {'page', 'label', 'probability', 'probabilities', 'dark_box'} == set(good['pages'][0])


def test_damage_is_refused(made, tmp_path):
    "One changed byte in the network, and nothing runs"
    import shutil
    from redaction.classifier import Classifier, classify
    from redaction.core import ModelError
    from redaction.predict import load_package
    shutil.copytree(made[0]/'package', bad := tmp_path/'bad'); f = bad/'model.onnx'
    data = bytearray(f.read_bytes()); data[len(data) // 2] ^= 1; f.write_bytes(data)
    with pytest.raises(ModelError, match='checksum'): Classifier(bad)
    with pytest.raises(ModelError, match='checksum'): classify([FILES/'good.pdf'], 'json', bad)
    with pytest.raises(ModelError): load_package(made[0]/'package')      # nor is it taken for a detector
    with pytest.raises(ModelError, match='page-classifier'): Classifier(ROOT/'redaction/models/default')


def test_hook_of_the_server(made, tmp_path):
    "The server's worker answers with the classifier's probabilities"
    from redaction.classifier import Classifier, classify_document
    from redaction.pages import open_document
    from redaction.service import work_setup
    c = Classifier(made[0]/'package')
    work = work_setup('', {}, lambda detector: c.probabilities)
    page = FILES/'page.png'
    got = work(dict(do='classify', data=page.read_bytes(), page=1, name='page.png', password=None), lambda event: None)
    with open_document(page) as d: assert got == pytest.approx(c.probabilities(d.page(1).image))
    assert set(got) == set(LABELS) and sum(got.values()) == pytest.approx(1)
    assert len(classify_document(FILES/'three_frames.tif', c)) == 3


@pytest.mark.skipif(not (ROOT/'redaction/models/classifier/model.json').exists(), reason='no classifier ships with this version')
def test_shipped():
    "The shipped package loads, is small, and says how good it is"
    from redaction.classifier import default_classifier, serving
    from redaction.predict import Predictor
    folder = default_classifier(); about = json.loads((folder/'model.json').read_text())
    assert sum(f.stat().st_size for f in folder.iterdir()) < 5_000_000 and any('any dark box' in k for k in about['metrics'])
    assert set(serving(Predictor())(plain_page(1, 1))) == set(LABELS)


@pytest.mark.skipif(not (ROOT/'redaction/models/classifier/model.json').exists(), reason='no classifier ships with this version')
def test_together():
    "The shipped package weighs the detector's boxes too and is sure of a redacted page; asked without the detector it answers alone"
    from redaction.classifier import classify
    out, alone = io.StringIO(), io.StringIO()
    for file, asked in ((out, None), (alone, False)): assert classify([ROOT/'samples/letter.pdf', FILES/'good.pdf'], 'json', detector=asked, file=file) == 0
    (letter, plain), (letter_alone, _) = ([json.loads(line)['pages'] for line in f.getvalue().splitlines()] for f in (out, alone))
    assert all(p['label'] == 'redacted' and p['detector'] > .9 for p in letter) and 'detector' in plain[0] and 'detector' not in letter_alone[0]
    assert all(p['probability'] > .9 for p in letter)
