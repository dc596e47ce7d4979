"""A small Hub on loopback: as much of its protocol as huggingface_hub 2 asks for when it creates, uploads, tags and downloads.

Repositories live in memory. Files the Hub would hold in large file storage (by their ending here) go through the LFS calls and are served by a redirect, as there."""
import base64, hashlib, json, socket, threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = ('.onnx', '.png', '.pdf')


def git_hash(data): return hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()


@dataclass
class Repo:
    "A repository: its commits, each a whole tree, and the names that point at them"
    private: bool = False
    sdk: str | None = None
    commits: dict = field(default_factory=dict)
    refs: dict = field(default_factory=dict)
    tags: dict = field(default_factory=dict)

    def commit(self, tree, summary):
        sha = hashlib.sha1(f'{len(self.commits)} {summary} {sorted((k, git_hash(v)) for k, v in tree.items())}'.encode()).hexdigest()
        self.commits[sha] = tree; self.refs['main'] = sha
        return sha

    def find(self, revision): return revision if revision in self.commits else self.tags.get(revision) or self.refs.get(revision)


class Hub(ThreadingHTTPServer):
    "The server; `asked` holds each request's method and path, `down` makes it answer 503, `wrong` holds bytes served in place of a file's own"
    daemon_threads = True

    def __init__(self, token='hf_test'):
        super().__init__(('127.0.0.1', 0), Handler)
        self.open = []
        self.token, self.repos, self.storage, self.asked, self.down, self.wrong = token, {}, {}, [], False, {}
        self.url, self.store = f'http://127.0.0.1:{self.server_port}', f'http://localhost:{self.server_port}/storage'  # large files lie on another host, as there

    def start(self):
        threading.Thread(target=self.serve_forever, args=(.05,), daemon=True).start()
        return self

    def process_request(self, request, address): self.open.append(request); super().process_request(request, address)

    def stop(self):
        "Go away, with the connections that are kept alive"
        self.shutdown(); self.server_close()
        for s in self.open:
            try: s.shutdown(socket.SHUT_RDWR)
            except OSError: pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def log_message(self, *args): pass

    def handle_one(self):
        url, n = urlsplit(self.path), int(self.headers.get('Content-Length') or 0)
        self.body, self.query = self.rfile.read(n), parse_qs(url.query)
        self.server.asked.append(f'{self.command} {url.path}')
        if self.server.down: return self.say(503, dict(error='down for the test'))
        p = [unquote(x) for x in url.path.strip('/').split('/')]
        allowed = self.headers.get('Authorization') == f'Bearer {self.server.token}'
        if self.command in ('POST', 'PUT') and not allowed and p[0] != 'storage': return self.say(401, dict(error='Invalid username or password.'))
        if p[0] == 'storage': return self.stored(p[1])
        if p == ['api', 'repos', 'create']: return self.create(json.loads(self.body))
        if p == ['api', 'validate-yaml']: return self.say(200, dict(errors=[], warnings=[]))
        kind = 'model'
        if p[0] == 'api': kind, p = p[1][:-1], p[2:]
        elif p[0] in ('spaces', 'datasets'): kind, p = p[0][:-1], p[1:]
        id = '/'.join(p[:2]).removesuffix('.git')
        repo = self.server.repos.get((kind, id))
        if repo is None or repo.private and not allowed:
            return self.say(404 if allowed else 401, dict(error='Repository not found'), **{'X-Error-Code': 'RepoNotFound', 'X-Error-Message': 'Repository not found'})
        self.id = id
        what = {'info': self.lfs, 'preupload': self.preupload, 'commit': self.commit, 'tag': self.tag, 'refs': self.refs, 'revision': self.revision, 'tree': self.tree, 'resolve': self.resolve}
        return what[p[2]](repo, p[3:]) if len(p) > 2 else self.revision(repo, ['main'])

    do_GET = do_HEAD = do_POST = do_PUT = handle_one

    def say(self, status, answer=b'', **headers):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        for k, v in (dict(headers) | {'Content-Type': 'application/octet-stream' if isinstance(answer, bytes) else 'application/json'}).items(): self.send_header(k, v)
        if 'Content-Length' not in headers: self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        if self.command != 'HEAD': self.wfile.write(data)

    def create(self, want):
        kind, id = want.get('type') or 'model', f"{want.get('organization') or 'someone'}/{want['name']}"
        url = f"{self.server.url}/{'' if kind == 'model' else kind + 's/'}{id}"
        if (kind, id) in self.server.repos: return self.say(409, dict(error='You already created this repo', url=url))
        self.server.repos[kind, id] = repo = Repo(want.get('visibility') == 'private', want.get('sdk'))
        repo.commit({'.gitattributes': b'*.onnx filter=lfs\n'}, 'initial commit')
        self.say(200, dict(url=url, name=id))

    def preupload(self, repo, rest):
        old = repo.commits[repo.find(rest[0])]
        self.say(200, dict(files=[dict(path=f['path'], uploadMode='lfs' if f['path'].endswith(LARGE) else 'regular', shouldIgnore=False,
                                       oid=git_hash(old[f['path']]) if f['path'] in old else None) for f in json.loads(self.body)['files']]))

    def lfs(self, repo, rest):
        objects = [dict(o, **({} if o['oid'] in self.server.storage else dict(actions=dict(upload=dict(href=f"{self.server.store}/{o['oid']}"))))) for o in json.loads(self.body)['objects']]
        self.say(200, dict(transfer='basic', objects=objects))

    def stored(self, oid):
        if self.command == 'PUT':
            if hashlib.sha256(self.body).hexdigest() != oid: return self.say(400, dict(error='checksum'))
            self.server.storage[oid] = self.body
            return self.say(200)
        data = self.server.wrong.get(oid, self.server.storage[oid])
        self.say(200, data, ETag=f'"{oid}"')

    def commit(self, repo, rest):
        lines = [json.loads(line) for line in self.body.splitlines()]
        tree = dict(repo.commits[repo.find(rest[0])])
        for line in lines:
            v = line['value']
            if line['key'] == 'file': tree[v['path']] = base64.b64decode(v['content'])
            elif line['key'] == 'lfsFile': tree[v['path']] = self.server.storage[v['oid']]
            elif line['key'] == 'deletedFile': del tree[v['path']]
        sha = repo.commit(tree, lines[0]['value']['summary'])
        self.say(200, dict(success=True, commitOid=sha, commitUrl=f'{self.server.url}/{self.id}/commit/{sha}', hookOutput=''))

    def tag(self, repo, rest):
        name = json.loads(self.body)['tag']
        if name in repo.tags: return self.say(409, dict(error='Tag reference exists already'))
        repo.tags[name] = repo.find(rest[0]); self.say(200, {})

    def refs(self, repo, rest):
        names = lambda d, kind: [dict(name=k, ref=f'refs/{kind}/{k}', targetCommit=v) for k, v in d.items()]
        self.say(200, dict(branches=names(repo.refs, 'heads'), tags=names(repo.tags, 'tags'), converts=[]))

    def missing(self, what, words): self.say(404, dict(error=words), **{'X-Error-Code': what, 'X-Error-Message': words})

    def revision(self, repo, rest):
        sha = repo.find('/'.join(rest))
        if not sha: return self.missing('RevisionNotFound', f'Invalid rev id: {rest[0]}')
        self.say(200, dict(id=self.id, modelId=self.id, sha=sha, private=repo.private, tags=[], downloads=0, likes=0, siblings=[dict(rfilename=f) for f in repo.commits[sha]]))

    def tree(self, repo, rest):
        sha = repo.find(rest[0])
        if not sha: return self.missing('RevisionNotFound', f'Invalid rev id: {rest[0]}')
        large = lambda v: dict(lfs=dict(oid=hashlib.sha256(v).hexdigest(), size=len(v), pointerSize=134))
        self.say(200, [dict(type='file', path=k, size=len(v), oid=git_hash(v), **(large(v) if k.endswith(LARGE) else {})) for k, v in repo.commits[sha].items()])

    def resolve(self, repo, rest):
        sha, name = repo.find(rest[0]), '/'.join(rest[1:])
        if not sha: return self.missing('RevisionNotFound', f'Invalid rev id: {rest[0]}')
        if name not in repo.commits[sha]: return self.missing('EntryNotFound', 'Entry not found')
        data = repo.commits[sha][name]; oid = hashlib.sha256(data).hexdigest()
        if not name.endswith(LARGE): return self.say(200, self.server.wrong.get(name, data), **{'ETag': f'"{git_hash(data)}"', 'X-Repo-Commit': sha})
        self.say(302, b'', Location=f'{self.server.store}/{oid}', **{'X-Repo-Commit': sha, 'X-Linked-ETag': f'"{oid}"', 'X-Linked-Size': str(len(data)), 'ETag': f'"{oid}"'})


@contextmanager
def hub(**kwargs):
    "A Hub for the length of a `with`"
    server = Hub(**kwargs).start()
    try: yield server
    finally: server.stop()
