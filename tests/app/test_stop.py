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

from app.pages_served import ASKED, Served, serve_page
from media.video_files import frames, write_video

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")

ONE = [ASKED[0][:1], *ASKED[1:]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page puts its own folder."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    return place


def left(place: Path) -> list[str]:
    """What the page forgot; Gradio makes a folder of its own when it is imported."""
    return [each.name for each in place.iterdir() if each.name != "gradio"]


class Wanting:
    """A visitor who waits for a video in a thread, and then fetches it."""

    def __init__(self, served: Served, video: Path) -> None:
        self.visitor = Visitor(served.address)
        self.begun = threading.Event()
        self.video: bytes | None = None
        self.refusal: Exception | None = None
        self._uploaded = self.visitor.upload(video, "walk.mp4")
        self.thread = threading.Thread(target=self._want)
        self.thread.start()
        assert self.begun.wait(60)

    def _want(self) -> None:
        try:
            self.visitor.join("video", self._uploaded, "heads", "overlay", *ONE)
            for message in self.visitor.messages():
                if message["msg"] == "progress":
                    self.begun.set()
                if message["msg"] == "process_completed":
                    made = message["output"]["data"][0]
            # As a browser does: only once it has the answer does it fetch the video.
            time.sleep(0.7)
            self.video = self.visitor.download(made)
        except (RefusedError, httpx.HTTPError, KeyError, UnboundLocalError) as error:
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
            for path in ("/", "/gradio_api/queue/join", "/gradio_api/upload"):
                reply = http.request("GET" if path == "/" else "POST", path)
                assert reply.status_code == 503
                assert "try again soon" in reply.json()["detail"]
        wanted.thread.join(60)
        code = page.process.wait(60)
    assert wanted.refusal is None
    assert wanted.video is not None
    assert wanted.video[4:8] == b"ftyp"
    assert code == 0
    assert left(place) == []
    assert "Traceback" not in page.log.read_text()


def test_ctrl_c_and_visitors_who_only_look_on(place: Path, tmp_path: Path) -> None:
    """A browser's open heartbeat holds nobody up."""
    with (
        serve_page(tmp_path) as page,
        Visitor(page.address) as visitor,
        visitor.http.stream("GET", f"/gradio_api/heartbeat/{visitor.session}") as heartbeat,
    ):
        assert heartbeat.status_code == 200
        begun = time.monotonic()
        assert page.stop(signal.SIGINT) == 130
        assert time.monotonic() - begun < 15
    assert left(place) == []
    log = page.log.read_text()
    assert "Traceback" not in log
    assert "interrupted" in log


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
    assert left(place) == []
    assert "Traceback" not in page.log.read_text()
