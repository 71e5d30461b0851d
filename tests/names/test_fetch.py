"""A model at a URL: fetched once, whole or not at all, and again when it is another one there."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

import vitonnx as vx
from vitonnx.errors import DownloadError, UsageError
from vitonnx.names import resolve

pytest.importorskip("fsspec", reason="needs the data extra")
pytest.importorskip("aiohttp", reason="needs the data extra")

MODEL = "/vit/dino.onnx"


@dataclass
class Shelf:
    """Files, what was asked for, and how the server fails."""

    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    cut: bool = False
    seconds: float = 0.0
    address: str = ""

    def fetched(self) -> list[str]:
        return [line.removeprefix("GET ") for line in self.asked if line.startswith("GET")]


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    held = Shelf()

    class Answers(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            time.sleep(held.seconds)
            content = self.answer()
            self.wfile.write(content[: len(content) // 2] if held.cut else content)

        def answer(self) -> bytes:
            place = self.path.partition("?")[0]
            held.asked.append(f"{self.command} {place}")
            found = held.files.get(place)
            self.send_response(404 if found is None else held.status)
            self.send_header("Content-Length", str(len(found or b"")))
            self.send_header("ETag", f'"{hash(found)}"')
            self.end_headers()
            return found or b""

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    held.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield held
    server.shutdown()
    server.server_close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vitonnx" / "url"


DEMO = resolve("scenes_vit").read_bytes()
OTHER = resolve("scenes_dino").read_bytes()


def test_it_is_fetched_once(shelf: Shelf, cache: Path) -> None:
    shelf.files[MODEL] = DEMO
    said: list[str] = []
    file = resolve(shelf.address + MODEL, say=said.append)
    assert file.name == "dino.onnx"
    assert file.is_relative_to(cache)
    assert file.read_bytes() == DEMO
    assert resolve(shelf.address + MODEL, say=said.append) == file
    assert shelf.fetched() == [MODEL]
    assert said == [f"fetching {shelf.address}{MODEL} once, into {file}"]
    with vx.Engine(shelf.address + MODEL, device="cpu") as engine:
        assert engine.manifest.grid == (6, 6)


def test_another_content_at_the_url_is_another_model(shelf: Shelf, cache: Path) -> None:
    shelf.files[MODEL] = DEMO
    first = resolve(shelf.address + MODEL)
    shelf.files[MODEL] = OTHER
    second = resolve(shelf.address + MODEL)
    assert (first.read_bytes(), second.read_bytes()) == (DEMO, OTHER)


def test_weights_beside_it_come_too(shelf: Shelf, cache: Path, tmp_path: Path) -> None:
    ir.save(ir.load(resolve("scenes_vit")), tmp_path / "d.onnx", external_data="d.onnx.data")
    shelf.files = {
        "/vit/dino.onnx": (tmp_path / "d.onnx").read_bytes(),
        "/vit/d.onnx.data": (tmp_path / "d.onnx.data").read_bytes(),
    }
    file = resolve(shelf.address + MODEL)
    assert {each.name for each in file.parent.iterdir()} == {"dino.onnx", "d.onnx.data"}
    assert shelf.fetched() == [MODEL, "/vit/d.onnx.data"]
    with vx.Engine(file, device="cpu") as engine:
        assert engine.probe(np.zeros((53, 71, 3), np.uint8), vx.Heads())


def test_several_processes_fetch_it_once(shelf: Shelf, cache: Path) -> None:
    shelf.files[MODEL] = DEMO
    shelf.seconds = 0.5  # so that the others come while it is fetched
    program = f"from vitonnx.names import resolve; print(resolve({shelf.address + MODEL!r}))"
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    told = [process.communicate(timeout=60)[0].strip() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len({*told}) == 1
    assert Path(told[0]).read_bytes() == DEMO
    assert shelf.fetched() == [MODEL]


@pytest.mark.parametrize(
    ("status", "cut", "says"),
    [
        (200, True, r"can't read .*dino\.onnx|broke off"),
        (403, False, "access to .* is refused"),
        (500, False, r"status 500"),
    ],
)
def test_what_fails_leaves_nothing(
    status: int, cut: bool, says: str, shelf: Shelf, cache: Path
) -> None:
    shelf.files[MODEL] = DEMO
    shelf.status, shelf.cut = status, cut
    with pytest.raises(DownloadError, match=says):
        resolve(shelf.address + MODEL)
    assert not list(cache.parent.rglob("*.onnx"))
    shelf.status, shelf.cut = 200, False
    assert resolve(shelf.address + MODEL).read_bytes() == DEMO


def test_weights_that_are_not_there_are_named(shelf: Shelf, cache: Path, tmp_path: Path) -> None:
    ir.save(ir.load(resolve("scenes_vit")), tmp_path / "d.onnx", external_data="d.onnx.data")
    shelf.files[MODEL] = (tmp_path / "d.onnx").read_bytes()
    with pytest.raises(DownloadError, match=r"there is no .*/vit/d\.onnx\.data: check the URL"):
        resolve(shelf.address + MODEL)
    assert not list(cache.rglob("*.onnx"))


def test_no_message_tells_a_secret(shelf: Shelf, cache: Path) -> None:
    host = shelf.address.removeprefix("http://")
    with pytest.raises(
        DownloadError, match=rf"there is no http://{host}/none\.onnx\?…\w+: "
    ) as told:
        resolve(f"http://ada:hunter2@{host}/none.onnx?signature=hunter3")
    assert "hunter" not in str(told.value)
    with pytest.raises(DownloadError, match=r"can't read http://127\.0\.0\.1:9/x\.onnx") as told:
        resolve("http://ada:hunter2@127.0.0.1:9/x.onnx?signature=hunter3")
    assert "hunter" not in str(told.value)
    with pytest.raises(DownloadError, match=r"can't read http://\[::1/x\.onnx") as told:
        resolve("http://ada:hunter2@[::1/x.onnx?signature=hunter3")
    assert "hunter" not in str(told.value)
    # pyarrow repeats the whole URL.
    with pytest.raises(DownloadError, match=r"can't read s3://bi rds/x\.onnx: .*URI") as told:
        resolve("s3://ada:hunter2@bi rds/x.onnx")
    assert "hunter" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://host/models/", r"not the URL of a model: it must end in \.onnx"),
        ("https://host/dino.safetensors", r"must end in \.onnx"),
        ("https://huggingface.co/ada/vit", "hf://ada/vit"),
        ("ftp://host/dino.onnx", "download it first"),
        ("s3:///dino.onnx", "is a URL that names no server or bucket"),
    ],
)
def test_urls_of_no_model_are_refused_without_a_network(url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        resolve(url)


def test_s3_that_can_not_be_reached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(DownloadError, match=r"can't read s3://models/dino\.onnx"):
        resolve("s3://models/dino.onnx?region=us-east-1&retry_strategy=none")


def test_a_model_in_a_bucket(
    bucket: Callable[[str, bytes], str], cache: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    ir.save(ir.load(resolve("scenes_vit")), tmp_path / "d.onnx", external_data="a b#1.data")
    bucket("100% vit/a b#1.data", (tmp_path / "a b#1.data").read_bytes())
    url = bucket("100% vit/dino?.onnx", (tmp_path / "d.onnx").read_bytes())
    said: list[str] = []
    file = resolve(url, say=said.append)
    with vx.Engine(file, device="cpu") as engine:
        assert engine.probe(np.zeros((53, 71, 3), np.uint8), vx.Heads())
    assert resolve(url, say=said.append) == file
    assert said == [f"fetching {url} once, into {file}"]
    bucket("100% vit/dino?.onnx", OTHER)
    assert resolve(url).read_bytes() == OTHER
    with pytest.raises(DownloadError, match=r"there is no s3://birds/none\.onnx: check the URL"):
        resolve("s3://birds/none.onnx")
    bucket("set.onnx/a.png", DEMO)
    with pytest.raises(DownloadError, match=r"s3://birds/set\.onnx is a folder: give the URL of a"):
        resolve("s3://birds/set.onnx")
