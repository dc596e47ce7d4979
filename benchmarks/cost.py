"""cost.py [FOLDER] [--pages N]: what a page costs, beside rendering alone, in one run on one thread.

Renders every page of the PDFs in FOLDER (../shared/data/cib) as the predictor does, and then detects on them, in two processes of their own so that neither warms the other. Prints CPU seconds a page, the ratio, the largest resident
memory, and the CPU seconds of `redaction --help` and of a first detection."""
import argparse, json, os, resource, subprocess, sys, time
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')


def cpu(): return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def measure(what, files, most):
    "CPU seconds a page and peak memory of rendering or of detecting, in this process"
    import cv2
    cv2.setNumThreads(1)
    from redaction.pages import open_document
    if what == 'detect':
        from redaction.predict import Predictor
        p = Predictor(threads=1)
    n, t = 0, cpu()
    for f in files:
        with open_document(f) as doc:
            for _ in (p.pages(doc) if what == 'detect' else doc):
                n += 1
                if n == most: break
        if n == most: break
    return dict(pages=n, seconds=(cpu() - t) / n, memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def child(*args):
    "CPU seconds of a command"
    t = resource.getrusage(resource.RUSAGE_CHILDREN); subprocess.run(args, check=True, stdout=subprocess.DEVNULL)
    u = resource.getrusage(resource.RUSAGE_CHILDREN); return u.ru_utime + u.ru_stime - t.ru_utime - t.ru_stime


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('folder', nargs='?', default='../shared/data/cib'); ap.add_argument('--pages', type=int, default=10**9); ap.add_argument('--only', choices=['render', 'detect'])
    a = ap.parse_args(); files = sorted(Path(a.folder).glob('*.pdf'))
    if not files: sys.exit(f'{a.folder}: no PDFs here')
    if a.only: return print(json.dumps(measure(a.only, files, a.pages)))
    got = {w: json.loads(subprocess.run([sys.executable, __file__, a.folder, '--pages', str(a.pages), '--only', w], check=True, capture_output=True, text=True).stdout) for w in ('render', 'detect')}
    exe = str(Path(sys.executable).parent/'redaction')
    print(f"{time.strftime('%Y-%m-%d')}, {got['render']['pages']} pages of {len(files)} PDFs in {a.folder}, one thread\n"
          f"rendering alone   {got['render']['seconds']:.3f} CPU s a page\n"
          f"end to end        {got['detect']['seconds']:.3f} CPU s a page, {got['detect']['seconds'] / got['render']['seconds']:.1f} times rendering\n"
          f"peak memory       {got['detect']['memory']:.0f} MB\n"
          f"redaction --help  {child(exe, '--help'):.2f} CPU s\n"
          f"first detection   {child(exe, 'detect', 'samples/letter.pdf', '--format', 'json'):.2f} CPU s")


if __name__ == '__main__': main()
