"""How the page ends: what runs is finished and delivered, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.visitor import RefusedError, Visitor

from app.pages_served import MODELS, Served, serve_page
from app.rude_clients import connect
from media.video_files import frames, write_video

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page puts its own folder."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    return place


@pytest.fixture
def leaves_nothing(place: Path, tmp_path: Path) -> Iterator[None]:
    yield
    assert not [*place.iterdir()]
    assert "Traceback" not in (tmp_path / "stderr.txt").read_text()


@contextmanager
def wanting(served: Served, folder: Path, size: tuple[int, int, int]) -> Iterator[Future[bytes]]:
    """Have somebody want a video, which is being made from the block's start, and then fetch it."""
    with Visitor(served.address) as visitor, ThreadPoolExecutor() as pool:
        states: list[str] = []
        key = visitor.film(write_video(folder / "walk.mp4", frames(*size)), MODELS[:1], "heads")
        made = pool.submit(visitor.made, key, states.append)
        eventually(lambda: "running" in states or made.done())
        yield made


def eventually(seen: Callable[[], Any], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("leaves_nothing")
def test_a_video_is_finished_and_delivered(tmp_path: Path) -> None:
    with serve_page(tmp_path) as page, wanting(page, tmp_path, (150, 240, 320)) as video:
        with httpx.Client(base_url=page.address) as http:
            page.process.send_signal(signal.SIGTERM)
            eventually(lambda: http.get("/healthz").status_code == 503)
            assert http.get("/healthz").json()["status"] == "stopping"
            for method, path in (("GET", "/"), ("POST", "/ask"), ("POST", "/pictures")):
                reply = http.request(method, path)
                assert reply.status_code == 503
                assert "try again soon" in reply.json()["error"]
        assert video.result(60)[4:8] == b"ftyp"
        assert page.process.wait(60) == 0


@pytest.mark.usefixtures("leaves_nothing")
def test_ctrl_c_and_visitors_who_only_look_on(tmp_path: Path) -> None:
    """A connection that asks for nothing holds nobody up, and neither does half a picture."""
    with serve_page(tmp_path) as page, connect(page.address), connect(page.address) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(9000)
        begun = time.monotonic()
        assert page.stop(signal.SIGINT) == 130
        assert time.monotonic() - begun < 10
    assert "interrupted" in page.log.read_text()


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(sign: signal.Signals, tmp_path: Path) -> None:
    with serve_page(tmp_path) as page, wanting(page, tmp_path, (480, 480, 640)) as video:
        page.process.send_signal(sign)
        eventually(lambda: httpx.get(f"{page.address}healthz").status_code == 503)
        begun = time.monotonic()
        page.stop(sign)
        assert time.monotonic() - begun < 10
        assert isinstance(video.exception(60), RefusedError | httpx.HTTPError)


def test_what_was_sent_is_removed_after_a_kill(place: Path, tmp_path: Path) -> None:
    """By the next page, as soon as it starts; while another one runs, it keeps its own."""

    def sent() -> list[Path]:
        return [path for path in place.rglob("*") if path.parent.name == "sent"]

    with (
        serve_page(tmp_path) as page,
        wanting(page, tmp_path, (150, 240, 320)),
        connect(page.address) as line,
    ):
        line.sendall(b"POST /pictures?models=scenes_vit HTTP/1.1\r\nHost: localhost\r\n")
        line.sendall(b"Content-Length: 99999\r\n\r\n" + bytes(9999))
        eventually(lambda: len(sent()) >= 2)
        with serve_page(tmp_path) as another:
            assert len(sent()) >= 2
            another.stop()
        assert all(path.stat().st_mode & 0o077 == 0 for path in place.iterdir())
        page.stop(signal.SIGKILL)
        assert sent()
    with serve_page(tmp_path) as page:
        assert sent() == []
        page.stop()
    assert not [*place.iterdir()]
