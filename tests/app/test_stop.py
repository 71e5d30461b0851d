"""How the page ends: what runs is finished and delivered, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
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


class Wanting:
    """A visitor who waits for a video in a thread, and then fetches it."""

    def __init__(self, served: Served, video: Path) -> None:
        self.visitor, self.begun = Visitor(served.address), threading.Event()
        self.video = b""
        self.refusal: Exception | None = None
        key = self.visitor.film(video, MODELS[:1], "heads")
        self.thread = threading.Thread(target=self._want, args=(key,))
        self.thread.start()
        assert self.begun.wait(60)

    def _want(self, key: str) -> None:
        try:
            self.video = self.visitor.made(
                key, heard=lambda state: self.begun.set() if state == "running" else None
            )
        except (RefusedError, httpx.HTTPError) as error:
            self.refusal = error
        finally:
            self.begun.set()


@contextmanager
def wanting(served: Served, video: Path) -> Iterator[Wanting]:
    wanting = Wanting(served, video)
    try:
        yield wanting
    finally:
        wanting.thread.join(60)
        wanting.visitor.http.close()


def eventually(seen: Callable[[], Any], patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_video_is_finished_and_delivered(place: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.mp4", frames(150, 240, 320))
    with serve_page(tmp_path) as page, wanting(page, video) as wanted:
        with httpx.Client(base_url=page.address) as http:
            page.process.send_signal(signal.SIGTERM)
            eventually(lambda: http.get("/healthz").status_code == 503)
            assert http.get("/healthz").json()["status"] == "stopping"
            for method, path in (("GET", "/"), ("POST", "/ask"), ("POST", "/pictures")):
                reply = http.request(method, path)
                assert reply.status_code == 503
                assert "try again soon" in reply.json()["error"]
        wanted.thread.join(60)
        code = page.process.wait(60)
    assert wanted.refusal is None
    assert wanted.video[4:8] == b"ftyp"
    assert code == 0
    assert not [*place.iterdir()]
    assert "Traceback" not in page.log.read_text()


def test_ctrl_c_and_visitors_who_only_look_on(place: Path, tmp_path: Path) -> None:
    """A connection that asks for nothing holds nobody up, and neither does half a picture."""
    with serve_page(tmp_path) as page, connect(page.address), connect(page.address) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(9000)
        begun = time.monotonic()
        assert page.stop(signal.SIGINT) == 130
        assert time.monotonic() - begun < 10
    assert not [*place.iterdir()]
    assert "Traceback" not in page.log.read_text()
    assert "interrupted" in page.log.read_text()


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(first: signal.Signals, place: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "walk.mp4", frames(480, 480, 640))
    with serve_page(tmp_path) as page, wanting(page, video):
        page.process.send_signal(first)
        eventually(lambda: httpx.get(f"{page.address}healthz").status_code == 503)
        begun = time.monotonic()
        page.process.send_signal(first)
        page.process.wait(60)
        assert time.monotonic() - begun < 10
    assert not [*place.iterdir()]
    assert "Traceback" not in page.log.read_text()


def test_what_was_sent_is_removed_after_a_kill(place: Path, tmp_path: Path) -> None:
    """By the next page, as soon as it starts; while another one runs, it keeps its own."""
    video = write_video(tmp_path / "walk.mp4", frames(150, 240, 320))

    def sent() -> list[Path]:
        return [path for path in place.rglob("*") if path.parent.name == "sent"]

    with serve_page(tmp_path) as page, wanting(page, video), connect(page.address) as line:
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
