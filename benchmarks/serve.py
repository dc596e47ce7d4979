"""serve.py [--seconds N] [--clients N] [--workers N]: what the service costs beside the predictor, and what it stands.

Starts a server on loopback. First, one sender: the same single page through `redaction.predict` in a process of its own and through the API, in turns, p50 and p95. Then a load of more clients than workers for N seconds, one request in ten
hostile: cut off, random bytes, a page of 20,000 pixels a side, a huge page tree, deep nesting, a decompression bomb, a page that never ends, a body that trickles. Every good answer is compared with the offline answer for the same file. Prints statuses,
latency, memory by the minute, workers replaced, and whether anything was wrong or lost; exit status 1 if so."""
import argparse, io, os, random, socket, statistics, sys, tempfile, threading, time, zlib
from collections import Counter
from pathlib import Path
import httpx, psutil

ROOT = Path(__file__).resolve().parent.parent
FILES = ROOT/'nbs/files'
sys.path.insert(0, str(ROOT/'tests'))
os.environ.setdefault('OMP_NUM_THREADS', '1')


def pdf(objects):
    "A PDF of numbered objects"
    out, at = io.BytesIO(b''), []
    out.write(b'%PDF-1.4\n')
    for i, o in enumerate(objects, 1): at.append(out.tell()); out.write(b'%d 0 obj\n' % i + o + b'\nendobj\n')
    start = out.tell()
    out.write(b'xref\n0 %d\n0000000000 65535 f \n' % (len(at) + 1) + b''.join(b'%010d 00000 n \n' % a for a in at) + b'trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n' % (len(at) + 1, start))
    return out.getvalue()


def page_tree(n=100_000): return pdf([b'<</Type/Catalog/Pages 2 0 R>>', b'<</Type/Pages/Count %d/Kids[%s]>>' % (n, b'3 0 R ' * n), b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>'])


def nested(n=3_000):
    "Forms in forms in forms"
    forms = [b'<</Type/XObject/Subtype/Form/BBox[0 0 612 792]/Resources<</XObject<</X %d 0 R>>>>/Length 5>>stream\n/X Do\nendstream' % (6 + i) for i in range(n)] + [b'<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>stream\n\nendstream']
    return pdf([b'<</Type/Catalog/Pages 2 0 R>>', b'<</Type/Pages/Count 1/Kids[3 0 R]>>', b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</XObject<</X 5 0 R>>>>>>', b'<</Length 5>>stream\n/X Do\nendstream', *forms])


def bomb():
    "A content stream that swells a thousandfold"
    body = zlib.compress(b'q ' * 150_000_000, 9)
    return pdf([b'<</Type/Catalog/Pages 2 0 R>>', b'<</Type/Pages/Count 1/Kids[3 0 R]>>', b'<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R>>', b'<</Filter/FlateDecode/Length %d>>stream\n' % len(body) + body + b'\nendstream'])


def huge_picture():
    from PIL import Image
    out = io.BytesIO(); Image.new('1', (20_000, 20_000), 1).save(out, 'PNG'); return out.getvalue()


def hostile():
    "Name and bytes of each hostile document"
    letter = (ROOT/'samples/letter.pdf').read_bytes()
    return dict(cut=letter[:len(letter) // 2], random=random.Random(0).randbytes(100_000), pixels=huge_picture(), tree=page_tree(), nested=nested(), bomb=bomb(),
                endless=(FILES/'stuck_page.pdf').read_bytes(), picture=(FILES/'bomb_image.pdf').read_bytes(), damaged=(FILES/'damaged_second_page.pdf').read_bytes(), trickle=b'')


def good():
    names = [ROOT/'samples/letter.pdf', *(FILES/n for n in ('good.pdf', 'rotated_90.pdf', 'page.png', 'page.webp', 'exif_rotated.jpg', 'three_frames.tif', 'cropped.pdf', 'form_field.pdf'))]
    return {p.name: p.read_bytes() for p in names}


def one_page():
    "The first page of the sample"
    import pypdfium2
    new, out = pypdfium2.PdfDocument.new(), io.BytesIO()
    new.import_pages(pypdfium2.PdfDocument(ROOT/'samples/letter.pdf'), [0]); new.save(out)
    return out.getvalue()


def spread(seconds):
    q = statistics.quantiles(seconds, n=100)
    return f'p50 {statistics.median(seconds) * 1000:.0f} ms, p95 {q[94] * 1000:.0f} ms'


def latency(server, n):
    "One sender, in turns: in process and through the API"
    from redaction.predict import Predictor
    import cv2
    cv2.setNumThreads(1)
    p, data, inside, outside = Predictor(), one_page(), [], []
    for i in range(n + 5):
        t = time.perf_counter(); a = p.detect(data); b = time.perf_counter(); r = server.client.post('/api/v1/detect', content=data, headers={'Content-Type': 'application/pdf'}); c = time.perf_counter()
        assert r.json()['pages'] == a.to_dict()['pages']
        if i >= 5: inside.append(b - t); outside.append(c - b)
    print(f'one page, {n} times   in process {spread(inside)}   API {spread(outside)}   ratio of p50 {statistics.median(outside) / statistics.median(inside):.2f}', flush=True)


def trickle(url):
    "A body that comes a byte at a time; the status"
    host, port = url.removeprefix('http://').split(':')
    with socket.create_connection((host, int(port)), timeout=30) as s:
        s.sendall(b'POST /api/v1/detect HTTP/1.1\r\nHost: x\r\nContent-Type: application/pdf\r\nContent-Length: 100000\r\n\r\n')
        try:
            for _ in range(40): s.sendall(b'x'); time.sleep(.2)
        except OSError: pass
        return int(s.recv(1000).split(b' ')[1])


class Load:
    "Clients that never stop"
    def __init__(self, server, want, bad):
        self.server, self.want, self.bad, self.good = server, want, bad, good()
        self.seen, self.wrong, self.lost, self.took, self.end = Counter(), [], [], [], threading.Event()

    def client(self, seed):
        pick, names = random.Random(seed), list(self.bad)
        with httpx.Client(base_url=self.server.url, timeout=120) as client:
            while not self.end.is_set():
                name = pick.choice(names) if pick.random() < .1 else pick.choice(list(self.good))
                start = time.perf_counter()
                try:
                    if name == 'trickle': self.seen[name, trickle(self.server.url)] += 1; continue
                    r = self.server.detect(self.bad.get(name) or self.good[name], client)
                except (httpx.TransportError, OSError, ValueError, IndexError) as e: self.lost.append(f'{name}: {e!r}'); continue
                self.seen[name if name in self.bad else 'good', r.status_code] += 1
                if name in self.good and r.status_code == 200:
                    self.took.append(time.perf_counter() - start)
                    if r.json()['pages'] != self.want[name]: self.wrong.append(f'{name}: another answer than offline')
                elif 'error' not in r.json() and name in self.good or r.status_code == 500: self.wrong.append(f'{name}: {r.status_code} {r.text[:200]}')
                elif name in self.good and r.status_code == 422: self.wrong.append(f'{name}: {r.text[:200]}')
                if r.status_code == 429: time.sleep(min(2, int(r.headers['retry-after'])) * pick.random())


def memory(server):
    "Bytes of the server and of its workers"
    p = psutil.Process(server.process.pid)
    rss = lambda q: q.memory_info().rss / 1e6
    try: return rss(p), sum(rss(q) for q in p.children(recursive=True))
    except psutil.NoSuchProcess: return rss(p), 0.


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--seconds', type=int, default=300); ap.add_argument('--clients', type=int, default=8); ap.add_argument('--workers', type=int, default=1); ap.add_argument('--pages', type=int, default=60)
    a = ap.parse_args()
    from serving import running
    from redaction.predict import detect
    want, bad = {n: detect(d).to_dict()['pages'] for n, d in good().items()}, hostile()
    with tempfile.TemporaryDirectory() as t, running(Path(t)/'s', workers=a.workers, queue=4, page_seconds=3, seconds=30, idle_seconds=1, upload_seconds=4, log='requests.sqlite') as server:
        print(f"{time.strftime('%Y-%m-%d')}, {psutil.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}, {a.workers} workers, {a.clients} clients for {a.seconds} s")
        latency(server, a.pages)
        load = Load(server, want, bad); threads = [threading.Thread(target=load.client, args=(i,)) for i in range(a.clients)]
        for th in threads: th.start()
        start, next_look = time.monotonic(), 0
        while (at := time.monotonic() - start) < a.seconds:
            if at >= next_look: print('after %3d s: server %.0f MB, workers %.0f MB' % (at, *memory(server)), flush=True); next_look += min(30, a.seconds / 3)
            time.sleep(.5)
        load.end.set()
        for th in threads: th.join()
        print('at the end:  server %.0f MB, workers %.0f MB' % memory(server))
        print(f"good answers {load.seen['good', 200]}, {spread(load.took)}; good ones refused: { {s: n for (k, s), n in load.seen.items() if k == 'good' and s != 200} }")
        for k in sorted(bad): print(f'  {k:9}', {s: n for (q, s), n in sorted(load.seen.items()) if q == k})
        print('workers replaced', {w: server.metric(f'redaction_workers{{role="current",what="{w}"}}') for w in ('crashed', 'slow', 'too_big')}, f'; wrong {len(load.wrong)}, lost {len(load.lost)}', *load.wrong[:5], *load.lost[:5], sep='\n  ')
        assert server.detect(ROOT/'samples/letter.pdf').json()['pages'] == want['letter.pdf']
    sys.exit(bool(load.wrong or load.lost))


if __name__ == '__main__': main()
