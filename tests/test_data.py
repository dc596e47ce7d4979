"""Validation and versions from outside: DVC runs what has changed and only that, stops at bad labels, and goes back to yesterday's."""
import json, os, re, shutil, subprocess, sys
from pathlib import Path
import pytest
from conftest import ROOT

yaml = pytest.importorskip('yaml')
DVC = Path(sys.executable).parent/'dvc'
pytestmark = pytest.mark.skipif(not DVC.exists() or not shutil.which('git'), reason='needs dvc (the extra [data]) and git')

class Project:
    "A repository with the project's own dvc.yaml over two local folders"
    def __init__(self, root: Path):
        self.root = root/'repo'; self.root.mkdir()
        self.path = f'{DVC.parent}:{os.environ["PATH"]}'
        for f in ('.dvc/config', '.dvc/.gitignore', '.dvcignore', 'params.yaml'):
            (self.root/f).parent.mkdir(exist_ok=True); shutil.copy(ROOT/f, self.root/f)
        (self.root/'settings.ini').write_text('[DEFAULT]\n' + ''.join(f'[source {n}]\nfolder = sources/{n}\n' for n in 'ab'))
        (self.root/'.gitignore').write_text('/data/\n/reports/validation.html\n')
        d = yaml.safe_load((ROOT/'dvc.yaml').read_text())
        d['vars'] = [dict(sources=dict(a='sources/a', b='sources/b')), dict(labels='labels/a.json labels/b.json'), dict(images='--images data/a/pages --images data/b/pages')]
        for s in ('validate', 'dataset'): d['stages'][s]['deps'] = [x for x in d['stages'][s]['deps'] if 'samples' not in x and 'cib' not in x] + ['labels/a.json', 'labels/b.json', 'data/a/pages', 'data/b/pages']
        (self.root/'dvc.yaml').write_text(yaml.safe_dump(d, sort_keys=False))

    def __call__(self, *args, ok=True):
        env = os.environ | dict(PATH=self.path, DVC_NO_ANALYTICS='1', DVC_GLOBAL_CONFIG_DIR=str(self.root.parent/'g'), DVC_SITE_CACHE_DIR=str(self.root.parent/'s'), OMP_NUM_THREADS='1',
                                GIT_AUTHOR_NAME='t', GIT_AUTHOR_EMAIL='t@example.org', GIT_COMMITTER_NAME='t', GIT_COMMITTER_EMAIL='t@example.org', GIT_CONFIG_GLOBAL='/dev/null')
        r = subprocess.run(list(map(str, args)), cwd=self.root, env=env, capture_output=True, text=True, timeout=400, stdin=subprocess.DEVNULL)
        assert not ok or r.returncode == 0, f'{args}: {r.stdout}\n{r.stderr}'
        return r

    def repro(self, ok=True):
        "Run `dvc repro`; which stages ran, and what was said"
        r = self('dvc', 'repro', ok=ok)
        return re.findall(r"Running stage '([^']+)'", r.stdout), r

    def commit(self, tag):
        self('git', 'add', '-A'); self('git', 'commit', '-qm', tag); self('git', 'tag', tag)

    def label(self, source, moved=0):
        "Label each page of a source with two boxes; the last one `moved` to the right"
        pages = [json.loads(line) for line in (self.root/'data'/source/'pages.jsonl').read_text().splitlines()]
        box = lambda i, n, y: dict(id=i, image_id=n, category_id=1, bbox=[100, y, 200, 30], area=6000, iscrowd=0)
        coco = dict(categories=[dict(id=1, name='black')], images=[dict(id=n + 1, file_name=p['image'], document=p['sha256'][:8], sha256=p['sha256'], page=p['number'], width=p['width'], height=p['height']) for n, p in enumerate(pages)],
                    annotations=[box(2 * n + k + 1, n + 1, 100 + 200 * k) for n in range(len(pages)) for k in range(2)])
        coco['annotations'][-1]['bbox'][0] += moved
        f = self.root/'labels'/f'{source}.json'; f.parent.mkdir(exist_ok=True); f.write_text(json.dumps(coco, indent=1))


@pytest.fixture(scope='module')
def project(tmp_path_factory):
    "Two sources ingested, labelled, accepted, built once and committed as `yesterday`"
    from redaction.synth import write_pdf
    from redaction.validate import accept_files
    p = Project(tmp_path_factory.mktemp('data'))
    for source, seeds in dict(a=[(1, 2), (3,)], b=[(4,)]).items():
        (p.root/'sources'/source).mkdir(parents=True)
        for s in seeds: write_pdf(p.root/'sources'/source/f'{s[0]}.pdf', s, size=700)
    p('git', 'init', '-q', '-b', 'main')
    p('dvc', 'repro', 'pages')
    for s in 'ab': p.label(s)
    accept_files([p.root/'labels'/f'{s}.json' for s in 'ab'], p.root/'labels'/'accepted.json')
    ran, _ = p.repro()
    assert ran == ['validate', 'dataset']
    p.commit('yesterday')
    return p


def test_versions(project):
    "One changed source, then labels of another day, then back"
    p, data = project, project.root/'data'/'dataset.json'
    first = data.read_bytes()
    assert {(im['set'], im['split'] in ('train', 'test')) for im in json.loads(first)['images']} == {('a', True), ('b', True)}
    assert p.repro()[0] == []                                        # nothing has changed, nothing runs

    shutil.copy(ROOT/'samples/letter.pdf', p.root/'sources/b')       # one source has something new
    before = (p.root/'data/a/pages.jsonl').stat().st_mtime_ns
    assert p.repro()[0] == ['ingest@b', 'pages@b', 'validate', 'dataset']
    assert (p.root/'data/a/pages.jsonl').stat().st_mtime_ns == before
    assert data.read_bytes() == first                                # its pages wait for labels

    p.label('b', moved=4)
    assert p.repro()[0] == ['validate', 'dataset']                   # new labels: nothing is fetched or drawn
    p.commit('today')
    second = data.read_bytes()
    assert second != first and json.loads((p.root/'reports/counts.json').read_text())['boxes'] == 12
    change = json.loads(p('dvc', 'metrics', 'diff', 'yesterday', '--json').stdout)
    assert change['reports/counts.json']['boxes'] == dict(old=8, new=12, diff=4)

    p('git', 'checkout', '-q', 'yesterday'); p('dvc', 'checkout')
    assert data.read_bytes() == first and len(json.loads((p.root/'labels/b.json').read_text())['images']) == 1
    p('git', 'checkout', '-q', 'main'); p('dvc', 'checkout')
    assert data.read_bytes() == second and p.repro()[0] == []


def test_remote(project):
    "The default remote is a folder beside the repository; what is gone here comes back from it"
    p, data = project, project.root/'data'/'dataset.json'
    kept = data.read_bytes()
    p('dvc', 'push')
    assert (p.root.parent/'redaction-data'/'files').is_dir()
    for gone in ('data', '.dvc/cache'): shutil.rmtree(p.root/gone)
    p('dvc', 'pull')
    assert data.read_bytes() == kept and list((p.root/'data/a/pages').glob('*.png'))


def test_bad_labels_stop_the_pipeline(project):
    "A failed check: exit status, the row's name, a report, and no new data set"
    p, f = project, project.root/'labels'/'a.json'
    good, kept = f.read_text(), (project.root/'data'/'dataset.json').read_bytes()
    bad = json.loads(good); bad['annotations'][3]['bbox'] = [bad['images'][1]['width'] - 100, 10, 500, 20]; f.write_text(json.dumps(bad))
    ran, r = p.repro(ok=False)
    assert r.returncode != 0 and ran == ['validate']
    name = bad['images'][1]['file_name']
    assert 'box_inside' in r.stderr and f'a.json, {name}, box 4' in r.stderr
    report = (p.root/'reports'/'validation.html').read_text()
    assert name in report and 'data:image/jpeg' in report and 'http' not in report
    assert (p.root/'data'/'dataset.json').read_bytes() == kept
    f.write_text(good)
    assert p.repro()[1].returncode == 0
