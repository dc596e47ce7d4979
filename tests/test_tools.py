"The scripts in tools/ that made what ships"
import json, subprocess, sys
from pathlib import Path
import pytest

onnx = pytest.importorskip('onnx')
ROOT = Path(__file__).parent.parent


def weights(path):
    return [onnx.numpy_helper.to_array(i).astype(int) for i in onnx.load(path).graph.initializer if i.data_type == onnx.TensorProto.INT8 and len(i.dims) == 4]


def test_shipped_weights_hold_in_16_bits():
    "Sums of pairs of products of bytes must not overflow on processors without instructions for them"
    assert max(abs(w).max() for w in weights(ROOT/'redaction/models/default/model.onnx')) <= 64


def test_kept_folds(tmp_path):
    "What is kept of a run: a base that the next run begins with, and packages that are measured on what they have not seen"
    pytest.importorskip('torch')
    from redaction.recipe import base_name, train, train_base
    from redaction.synth import write_dataset
    write_dataset(tmp_path/'real', 6, seed=50, size=256, progress=False)
    params = dict(seed=1, model=dict(arch='maps', body='tiny', widths=[8, 8, 16, 16, 16]), synth=dict(pages=6, size=256), train=dict(epochs=1, crops=8, crop=64, batch=4, lr=1e-3, workers=0),
                  finetune=dict(epochs=1, crops=8, crop=64, lr=1e-3, mix=dict(real=.5, synth=.5)), evaluate=dict(folds=2), data=dict(real=dict(labels=str(tmp_path/'real/annotations.json'))), bases=str(tmp_path/'kept'))
    train(params, tmp_path/'run', lambda text: None)
    run = lambda *command: subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    r = run('tools/keep.py', tmp_path/'run', tmp_path/'kept', '0.1.0'); assert r.returncode == 0, r.stderr
    assert sorted(p.name for p in (tmp_path/'kept').iterdir()) == sorted([base_name(params), 'fold0', 'fold1', 'folds.json', 'params.json']) and r.stdout.count('without a judge') == 2
    assert train_base(params, tmp_path/'next', lambda *a: 1 / 0).read_bytes() == (tmp_path/'run/base.pt').read_bytes()
    check = lambda: run('benchmarks/crossval.py', tmp_path/'kept')
    r = check(); assert r.returncode == 0 and 'redaction-fold1 0.1.0, threshold 0.5, 6 of 6 pages' in r.stdout and '\nreal\n' in r.stdout, r
    (tmp_path/'kept/fold0').rename(tmp_path/'away'); r = check(); assert r.returncode == 0 and 'fold0: not there' in r.stdout and ', 6 of 6' not in r.stdout, r
    (tmp_path/'kept/fold1').rename(tmp_path/'gone'); r = check(); assert r.returncode == 2 and 'none of its folds' in r.stderr, r


def test_weights_are_whole():
    "What is kept in weights/ is what its parameters make, and each package there loads"
    pytest.importorskip('torch')
    from redaction.detect import load_net
    from redaction.predict import load_package
    from redaction.recipe import base_name, check_params
    params, folds = (json.loads((ROOT/'weights'/f).read_text()) for f in ('params.json', 'folds.json'))
    assert params['bases'] == 'weights' and load_net(ROOT/'weights'/base_name(check_params(params))).training is False
    assert len(folds) == params['evaluate']['folds'] and len({d for f in folds for d in f}) == sum(map(len, folds))
    for p in (ROOT/'weights').glob('fold?'): assert load_package(p).name.startswith(f'redaction-{p.name} ')
