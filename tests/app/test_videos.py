"""Videos for visitors: one is wanted, made, and stopped at any moment."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.video_files import even, frames, write_video
from vitonnx.app import Limits
from vitonnx.app._videos import StoppedError, Videos
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.errors import VideoError
from vitonnx.probes import Heads
from vitonnx.video import VideoOptions


@pytest.fixture(scope="module")
def videos() -> Videos:
    engines = {"scenes_vit": Engine(demo_models()["scenes_vit"])}
    return Videos(engines, Limits(seconds=2))


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    return write_video(tmp_path / "walk.mp4", frames(23))


def make(videos: Videos, video: Path, output: Path, visitor: str = "anna") -> int:
    report = videos.make(
        video,
        video.name,
        ["scenes_vit"],
        Heads(),
        VideoOptions(),
        output,
        visitor=visitor,
        progress=lambda share, words: None,
    )
    return report.frames


def test_it_is_made(videos: Videos, walk: Path, tmp_path: Path) -> None:
    assert make(videos, walk, tmp_path / "maps.mp4") == 23
    assert not videos.stop("anna")


def test_one_that_waits_for_its_turn_is_stopped(videos: Videos, walk: Path, tmp_path: Path) -> None:
    videos.want("anna")
    assert videos.stop("anna")
    with pytest.raises(StoppedError):
        make(videos, walk, tmp_path / "maps.mp4")
    assert not (tmp_path / "maps.mp4").exists()


def test_the_next_one_is_not_stopped(videos: Videos, walk: Path, tmp_path: Path) -> None:
    """Stop, and at once another: while the first has not noticed yet."""
    outcomes: list[object] = []

    def progress(share: float, words: str) -> None:
        if not outcomes:
            outcomes.append("begun")
            assert videos.stop("anna")
            videos.want("anna")

    with pytest.raises(StoppedError):
        videos.make(
            walk,
            "walk.mp4",
            ["scenes_vit"],
            Heads(),
            VideoOptions(),
            tmp_path / "first.mp4",
            visitor="anna",
            progress=progress,
        )
    assert make(videos, walk, tmp_path / "second.mp4") == 23


def test_all_are_stopped_at_the_end(videos: Videos, walk: Path, tmp_path: Path) -> None:
    for visitor in ("anna", "bob"):
        videos.want(visitor)
    videos.stop_all()
    for visitor in ("anna", "bob"):
        with pytest.raises(StoppedError):
            make(videos, walk, tmp_path / "maps.mp4", visitor)


def test_visitors_who_want_and_never_come_are_forgotten() -> None:
    videos = Videos({}, Limits(visitors=3))
    for number in range(7):
        videos.want(f"visitor {number}")
    assert [videos.stop(f"visitor {number}") for number in (3, 4, 5, 6)] == [
        False,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize("size", [(16, 1600), (1009, 13)])
def test_a_narrow_one_would_be_many_tokens(
    size: tuple[int, int], videos: Videos, tmp_path: Path
) -> None:
    strip = Image.fromarray(np.zeros((*size, 3), np.uint8))
    path = tmp_path / "strip.gif"
    strip.save(path, save_all=True, append_images=[strip.rotate(1)])
    with pytest.raises(VideoError, match=r"strip.gif has frames of .* at most 4 times the shorter"):
        make(videos, path, tmp_path / "maps.mp4")


def test_a_short_one_of_too_many_frames(videos: Videos, tmp_path: Path) -> None:
    path = write_video(tmp_path / "flicker.mp4", frames(131), even(131, rate=131))
    with pytest.raises(VideoError, match="more than 120 frames"):
        make(videos, path, tmp_path / "maps.mp4")
    assert list(tmp_path.iterdir()) == [path]


def test_threads_leave_no_trace(videos: Videos, walk: Path, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=make, args=(videos, walk, tmp_path / f"{name}.mp4", name))
        for name in ("anna", "bob")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list(tmp_path.glob("*.mp4"))) == 3
    assert not videos.stop("anna")
    assert not videos.stop("bob")
