"""scan.py [FOLDER] [--pages N] [--workers 1 2]: what a scan costs, beside rendering alone, in one run.

Repeats the PDFs of FOLDER (../shared/data/cib) until there are N pages. Each copy gets a comment at its end, so that it is another content and nothing is known already; one document in ten is several put together, so that there are long ones. Renders
all of it on one process as the predictor does, then scans it with each number of workers. Prints CPU seconds a page and their ratio to rendering, pages a second and the gain of two workers over one, and the resident memory of the program and
its workers along the way, which should be level."""
import argparse, json, os, resource, shutil, subprocess, sys, tempfile, threading, time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')


def build(folder, to, pages):
    "Copies of the PDFs until there are `pages` pages; the number there are"
    import pypdfium2
    files, n, k = sorted(Path(folder).glob('*.pdf')), 0, 0
    if not files: sys.exit(f'{folder}: no PDFs here')
    sizes = {f: len(pypdfium2.PdfDocument(f)) for f in files}
    while n < pages:
        f = files[k % len(files)]
        if k % 10 == 9 and pages > 200:                           # a long one
            new, k0 = pypdfium2.PdfDocument.new(), n
            for g in files[:8]: new.import_pages(pypdfium2.PdfDocument(g)); n += sizes[g]
            new.save(to/f'{k:05d}-long.pdf'); f = None
        else: shutil.copy(f, to/f'{k:05d}-{f.name}'); n += sizes[f]
        with open(next(to.glob(f'{k:05d}-*')), 'ab') as out: out.write(b'\n%% copy %d\n' % k)
        k += 1
    return n


def render(folder):
    "CPU seconds of rendering alone, in this process"
    import cv2
    from redaction.pages import open_document
    cv2.setNumThreads(1)
    n, t = 0, sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for f in sorted(Path(folder).glob('*.pdf')):
        with open_document(f) as doc: n += sum(1 for _ in doc)
    print(json.dumps(dict(pages=n, cpu=sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - t)))


def family():
    "Resident bytes and CPU seconds of this process and its children"
    tick, page, me, rss, cpu = os.sysconf('SC_CLK_TCK'), os.sysconf('SC_PAGE_SIZE'), os.getpid(), [], 0.
    for p in Path('/proc').glob('[0-9]*'):
        try: words = (p/'stat').read_text().rpartition(')')[2].split()
        except OSError: continue
        if int(p.name) == me or int(words[1]) == me: rss.append(int(words[21]) * page); cpu += (int(words[11]) + int(words[12])) / tick
    return max(rss, default=0), sum(rss), cpu


def look_on(folder, out, workers):
    "One scan: seconds, CPU seconds and memory along the way, in this process"
    from redaction.jobs import Dispatcher
    from redaction.scan import scan
    seen, done, path, ranged = [], threading.Event(), [], Dispatcher.ranged
    def count(self, *args): ranged(self, *args); path[:] = [self.sum.pages]
    Dispatcher.ranged = count                                      # the page count, for the memory's sake
    def watch():
        while not done.wait(.5): seen.append((path[0] if path else 0, *family()))
    watcher = threading.Thread(target=watch); watcher.start()
    t = time.monotonic(); s = scan([folder], out, workers=workers, progress=False); seconds = time.monotonic() - t
    done.set(); watcher.join()
    use = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps(dict(pages=s.pages, errors=s.errors, seconds=seconds, cpu=sum(u.ru_utime + u.ru_stime for u in use), memory=[x[:3] for x in seen])))


def level(memory, pages):
    "Memory of all processes at some page counts, in MB"
    marks = [m for m in (50, 100, 500, 1000, 2000, 3000, 4000, 5000, pages) if m <= pages]
    return ', '.join(f'{max([all_ for n, _, all_ in memory if n <= m][-3:], default=0) / 1e6:.0f} at page {m}' for m in marks)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('folder', nargs='?', default='../shared/data/cib'); ap.add_argument('--pages', type=int, default=5000); ap.add_argument('--workers', type=int, nargs='+', default=[1, 2])
    ap.add_argument('--only', choices=['render', 'scan'], help=argparse.SUPPRESS); ap.add_argument('--out', help=argparse.SUPPRESS)
    a = ap.parse_args()
    if a.only == 'render': return render(a.folder)
    if a.only == 'scan': return look_on(a.folder, a.out, a.workers[0])
    child = lambda *args: json.loads(subprocess.run([sys.executable, __file__, *map(str, args)], check=True, capture_output=True, text=True).stdout)
    with tempfile.TemporaryDirectory() as tmp:
        pile = Path(tmp)/'pile'; pile.mkdir(); n = build(a.folder, pile, a.pages)
        alone = child(pile, '--only', 'render'); floor = alone['cpu'] / n
        print(f"{time.strftime('%Y-%m-%d')}, {n} pages in {len(list(pile.iterdir()))} documents made of {a.folder}\nrendering alone   {floor:.4f} CPU s a page", flush=True)
        rates = {}
        for w in a.workers:
            got = child(pile, '--only', 'scan', '--out', Path(tmp)/f'out{w}', '--workers', w); rates[w] = got['pages'] / got['seconds']
            print(f"{w} worker{'s' * (w > 1)}: {got['errors']} errors; {rates[w]:.1f} pages a second; {got['cpu'] / n:.4f} CPU s a page, {got['cpu'] / n / floor:.2f} times rendering; memory in MB: {level(got['memory'], n)}", flush=True)
        if {1, 2} <= set(rates): print(f'two workers are {rates[2] / rates[1]:.2f} times as fast as one')


if __name__ == '__main__': main()
