"""A model hub on this machine: repositories with commits, as huggingface-hub asks for them."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

LISTING = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)/revision/(?P<revision>[^/?]+)")
FILE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
# Kept by their SHA-256, as the hub keeps large files; all others as Git does.
LARGE = (".onnx", ".safetensors", ".data", "_data", ".bin")

Files = Mapping[str, bytes]
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Repository:
    """Commits, each with its files, and branches that are at one of them."""

    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Files] = field(default_factory=dict)
    refusal: str | None = None  # the hub's code for it, such as GatedRepo
    token: str | None = None  # without it there is no such repository


@dataclass
class Hub:
    """What is served, what was asked, and how the server fails."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    address: str = ""
    status: int = 200
    cut: str | None = None  # the file that breaks off half way
    silent: bool = False  # whether no length is said, so that nobody can tell
    warning: str | None = None  # which the client passes on to whoever reads its log
    stalled: threading.Event = field(default_factory=threading.Event)

    def push(self, repository: str, files: Files, branch: str = "main") -> str:
        """Commit files; give the commit."""
        digest = hashlib.sha1(repository.encode())
        for name, content in sorted(files.items()):
            digest.update(name.encode() + content)
        commit = digest.hexdigest()
        kept = self.repositories.setdefault(repository, Repository())
        kept.commits[commit] = dict(files)
        kept.branches[branch] = commit
        return commit

    def fetched(self, part: str) -> list[str]:
        """Whatever was fetched, and not only looked at, that has a part in its name."""
        return [line for line in self.asked if line.startswith("GET") and part in line]

    def answer(self, path: str, token: str | None) -> Answer:
        if self.status != 200:
            return self.status, {}, b""
        listed, file = LISTING.match(path), FILE.match(path)
        match = listed or file
        repository = self.repositories.get(match["repository"]) if match else None
        if match is None or repository is None or (repository.token or token) != token:
            return 401, {"X-Error-Code": "RepoNotFound"}, b""
        revision = unquote(match["revision"])
        commit = repository.branches.get(revision, revision)
        files = repository.commits.get(commit)
        if files is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b""
        if listed:
            siblings = [{"rfilename": name, "size": len(body)} for name, body in files.items()]
            described = {"id": match["repository"], "sha": commit, "siblings": siblings}
            return 200, {"Content-Type": "application/json"}, json.dumps(described).encode()
        if repository.refusal is not None:
            return 403, {"X-Error-Code": repository.refusal}, b""
        body = files.get(unquote(match["file"]))
        if body is None:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        return 200, {"X-Repo-Commit": commit, "ETag": f'"{_digest(match["file"], body)}"'}, body


def _digest(name: str, body: bytes) -> str:
    if name.endswith(LARGE):
        return hashlib.sha256(body).hexdigest()
    return hashlib.sha1(f"blob {len(body)}\0".encode() + body).hexdigest()


@contextmanager
def serve_hub() -> Iterator[Hub]:
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.reply(with_body=False)

        def do_GET(self) -> None:
            self.reply(with_body=True)

        def reply(self, *, with_body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path}")
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
            status, headers, body = hub.answer(self.path, token)
            cut = hub.cut is not None and self.path.endswith(hub.cut)
            self.send_response(status)
            if hub.warning is not None:
                self.send_header("X-HF-Warning", hub.warning)
            for name, value in headers.items():
                self.send_header(name, value)
            if cut and hub.silent:
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if not with_body:
                return
            self.wfile.write(body[: len(body) // 2] if cut else body)
            if cut and not hub.silent:
                # As where a network goes away: the client waits, and nothing comes.
                self.wfile.flush()
                hub.stalled.set()
                self.connection.settimeout(100)
                self.rfile.read(1)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
