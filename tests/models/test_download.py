"""Checkpoints are fetched from a hub and from plain addresses: a real server on this machine.

The hub's client reads its environment when it is imported, so each case is a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import tiny_models as tiny
from models import published_names as names
from models.torch_files import write_torch
from vitonnx.models import random_parameters, read_checkpoint

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB_PATH = "/timm/vit_small_patch16_224.dino/resolve/main/model.safetensors"

SCRIPT = """
import sys
from dataclasses import replace
from vitonnx.errors import DownloadError
from vitonnx.models import fetch, find_model
spec = find_model(sys.argv[1])
if sys.argv[2:]:
    spec = replace(spec, repository=None, file=None, urls=tuple(filter(None, sys.argv[2:])))
try:
    print(*fetch(spec), sep="\\n")
except DownloadError as error:
    print(f"DownloadError: {error}")
"""


@dataclass
class Hub:
    """A server of files by path, which plays a model hub too."""

    files: dict[str, bytes]
    broken: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def hub() -> Iterator[Hub]:
    served = Hub({})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            served.asked.append(f"{self.command} {self.path}")
            content = served.files.get(self.path)
            self.send_response(404 if content is None else 200)
            if content is None:
                self.send_header("X-Error-Code", "EntryNotFound")
            body = content or b""
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", '"1234"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if with_body:
                broken = self.path in served.broken
                self.wfile.write(body[: len(body) // 2] if broken else body)
                self.close_connection = broken

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    served.address = f"http://127.0.0.1:{server.server_port}"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Client:
    """A user's machine, with a cache of its own."""

    home: Path
    endpoint: str

    def fetch(self, name: str, *urls: str, **environment: str) -> list[str]:
        paths = {"HF_HOME": f"{self.home}/hub", "XDG_CACHE_HOME": f"{self.home}/cache"}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, name, *urls],
            env=os.environ | paths | {"HF_ENDPOINT": self.endpoint} | environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        return done.stdout.splitlines()


@pytest.fixture
def client(tmp_path: Path, hub: Hub) -> Client:
    return Client(tmp_path / "home", hub.address)


def checkpoint(tmp_path: Path) -> bytes:
    config = tiny.CONFIGS["plain"]
    arrays = names.timm(random_parameters(config, 3), config)
    return write_torch(tmp_path / "served", arrays).read_bytes()


def test_from_a_hub_once(tmp_path: Path, hub: Hub, client: Client) -> None:
    hub.files[HUB_PATH] = checkpoint(tmp_path)
    (fetched,) = client.fetch("dino_vits16")
    config = tiny.CONFIGS["plain"]
    assert list(read_checkpoint([Path(fetched)], config)) == list(config.parameters())
    assert fetched.startswith(str(client.home / "hub"))
    hub.asked.clear()
    # Cached: without a network, the same file again.
    assert client.fetch("dino_vits16", HF_HUB_OFFLINE="1") == [fetched]
    assert hub.asked == []


def test_a_hub_without_the_file(hub: Hub, client: Client) -> None:
    (text,) = client.fetch("dino_vits16")
    assert "can't download vit_small_patch16_224.dino (404 Client Error): download " in text
    assert f" {hub.address}{HUB_PATH} by hand" in text
    assert text.endswith("and give it with --weights model.safetensors.")


def test_no_connection(client: Client) -> None:
    # Port 9 is the discard service's: nothing listens there. Not so for the hub, whose client
    # tries again for 20 seconds.
    url = "http://127.0.0.1:9/dino/backbone.pth"
    (text,) = client.fetch("dino_vits16", url)
    assert "Connection refused" in text
    assert f"download {url} by hand, and give it with --weights backbone.pth." in text


def test_offline_and_not_cached(hub: Hub, client: Client) -> None:
    (text,) = client.fetch("dino_vits16", HF_HUB_OFFLINE="1")
    assert "(HF_HUB_OFFLINE is set, and it wasn't downloaded before)" in text
    assert f"{hub.address}{HUB_PATH}" in text
    assert hub.asked == []


def test_from_plain_addresses_once(tmp_path: Path, hub: Hub, client: Client) -> None:
    hub.files = {"/dino/a/backbone.pth": checkpoint(tmp_path), "/dino/b/head.pth": b"head"}
    urls = [hub.address + path for path in hub.files]
    fetched = client.fetch("dino_vitb16_linear", *urls)
    folder = client.home / "cache" / "vitonnx" / "checkpoints" / "127.0.0.1" / "dino"
    assert fetched == [str(folder / "a" / "backbone.pth"), str(folder / "b" / "head.pth")]
    assert [Path(path).read_bytes() for path in fetched] == list(hub.files.values())
    hub.asked.clear()
    assert client.fetch("dino_vitb16_linear", *urls, HF_HUB_OFFLINE="1") == fetched
    assert hub.asked == []


def test_a_broken_connection_leaves_nothing(tmp_path: Path, hub: Hub, client: Client) -> None:
    path = "/dino/backbone.pth"
    hub.files, hub.broken = {path: checkpoint(tmp_path)}, {path}
    (text,) = client.fetch("dino_vits16", hub.address + path)
    half = len(hub.files[path]) // 2
    assert f"(the connection broke after {half} bytes)" in text
    assert not [left for left in client.home.rglob("*") if left.is_file()]


def test_plain_addresses_that_fail(hub: Hub, client: Client) -> None:
    urls = [f"{hub.address}/dino/backbone.pth", f"{hub.address}/dino/head.pth"]
    (text,) = client.fetch("dino_vitb16_linear", *urls)
    assert "(HTTP Error 404: Not Found): " in text
    assert f"download {urls[0]} and {urls[1]} by hand, and give them" in text
    assert text.endswith("with --weights backbone.pth --weights head.pth.")
    hub.asked.clear()
    (text,) = client.fetch("dino_vitb16_linear", *urls, HF_HUB_OFFLINE="1")
    assert "(HF_HUB_OFFLINE is set" in text
    assert hub.asked == []


def test_nothing_published(client: Client) -> None:
    (text,) = client.fetch("dino_vits16", "")
    assert text.startswith("DownloadError: vitonnx knows no published checkpoint of")
    assert text.endswith("give yours with --weights FILE.")
