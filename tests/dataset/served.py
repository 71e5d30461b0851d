"""Servers on this machine: of a bucket, of plain files, and of a hub's dataset."""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

__all__ = ["Web", "serve_bucket", "serve_hub", "serve_web"]

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Web:
    """What was asked of a server."""

    address: str = ""
    asked: list[str] = field(default_factory=list)  # "GET /a.tar"
    sent: int = 0  # bytes of files
    password: str | None = None  # base64 of NAME:PASSWORD, without which nobody comes in

    def count(self, line: str) -> int:
        """Count requests by their method and path."""
        return self.asked.count(line)


@contextmanager
def _serving(handler: Any) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serve_web(folder: Path) -> Iterator[Web]:
    """Serve a folder's files, and its listing, as ``python -m http.server`` does."""
    web = Web()

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def send_head(self) -> Any:
            web.asked.append(f"{self.command} {unquote(urlsplit(self.path).path)}")
            allowed = (None, f"Basic {web.password}")
            if web.password is not None and self.headers.get("Authorization") not in allowed[1:]:
                self.send_error(401)
                return None
            return super().send_head()

        def copyfile(self, source: Any, outputfile: Any) -> None:
            while piece := source.read(2**16):
                web.sent += len(piece)
                try:
                    outputfile.write(piece)
                except OSError:  # the client has what it wants
                    return

        def log_message(self, *_: object) -> None:
            pass

    with _serving(functools.partial(Handler, directory=str(folder))) as web.address:
        yield web


@contextmanager
def serve_bucket(bucket: str) -> Iterator[str]:
    """Serve an empty bucket as S3 does; give the server's address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        put(f"http://{host}:{port}/{bucket}", b"")
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def put(address: str, content: bytes, **more: str) -> None:
    """Store a file at a URL, as a client of S3 does."""
    from urllib.request import Request, urlopen

    scope = "Credential=test/20260101/us-east-1/s3/aws4_request"
    headers = {key.replace("_", "-"): value for key, value in more.items()} | {
        "Authorization": f"AWS4-HMAC-SHA256 {scope}",
        "Content-Type": "application/octet-stream",
    }
    with urlopen(Request(address, content, headers, method="PUT")):
        pass


FILE = re.compile(r"/datasets/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
PATHS = re.compile(r"/api/datasets/(?P<repository>[^/]+/[^/]+)/paths-info/(?P<revision>[^/]+)")
TREE = re.compile(
    r"/api/datasets/(?P<repository>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)/?(?P<folder>.*)"
)
REPOSITORY = re.compile(r"/api/datasets/(?P<repository>[^/]+/[^/]+)(/revision/.+)?")


@contextmanager
def serve_hub(repository: str, files: Mapping[str, bytes]) -> Iterator[Web]:
    """Serve a dataset's files as the Hugging Face hub does."""
    web = Web()

    def entries(names: list[str]) -> list[dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for name in names:
            if name in files:
                found[name] = {"type": "file", "path": name, "size": len(files[name]), "oid": "0"}
            elif any(file.startswith(f"{name}/") for file in files):
                found[name] = {"type": "directory", "path": name, "oid": "0"}
        return list(found.values())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(
            self, status: int, body: bytes, kind: str = "application/json", **more: str
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for key, value in more.items():
                self.send_header(key.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            web.asked.append(f"{self.command} {path}")
            if found := FILE.fullmatch(path):
                self.give(found["file"])
            elif found := TREE.fullmatch(path):
                folder = found["folder"].strip("/")
                inside = [name for name in files if not folder or name.startswith(f"{folder}/")]
                steps = len(folder.split("/")) if folder else 0
                folders = {"/".join(name.split("/")[: steps + 1]) for name in inside}
                deep = "recursive=True" in self.path or "recursive=true" in self.path
                listed = sorted({*folders, *inside} if deep else folders)
                self.answer(200, json.dumps(entries(listed)).encode())
            elif found := REPOSITORY.fullmatch(path):
                if found["repository"] == repository:
                    about = {"id": repository, "sha": COMMIT, "siblings": []}
                    self.answer(200, json.dumps(about).encode())
                else:
                    self.answer(404, b"{}", X_Error_Code="RepoNotFound")
            else:
                self.answer(404, b"{}")

        do_HEAD = do_GET  # noqa: N815 - as http.server asks for it

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            web.asked.append(f"POST {self.path}")
            if self.headers["Content-Type"].startswith("application/json"):
                names = json.loads(body)["paths"]
            else:
                from urllib.parse import parse_qs

                names = parse_qs(body)["paths"]
            self.answer(200, json.dumps(entries(names)).encode())

        def give(self, name: str) -> None:
            if name not in files:
                self.answer(404, b"", X_Error_Code="EntryNotFound")
                return
            body, status, more = files[name], 200, {}
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            if asked:
                first, last = int(asked[1]), int(asked[2] or len(body) - 1)
                more = {"Content_Range": f"bytes {first}-{last}/{len(body)}"}
                body, status = body[first : last + 1], 206
            web.sent += len(body) if self.command == "GET" else 0
            more |= {"ETag": '"0"', "X_Repo_Commit": COMMIT}
            self.answer(status, body, **more)

        def log_message(self, *_: object) -> None:
            pass

    with _serving(Handler) as web.address:
        yield web
