"""Videos on the page: made, watched while they are made, stopped, refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from app.browsing import PATIENCE, Person
from vitonnx.data.scenes import draw_video
from vitonnx.demo import draw_video_file
from vitonnx.media.videos import Frame, VideoWriter

pytestmark = pytest.mark.page


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A thousand large frames: on a busy machine too, somebody has time to stop it."""
    path = tmp_path_factory.mktemp("videos") / "long.mp4"
    scenes = [scene.picture for scene in draw_video((0, 7, 0, 3), 40, (480, 640), objects=1)]
    with VideoWriter(path, rate=Fraction(50), ticks=50, sound=None) as writer:
        for number in range(1000):
            picture = scenes[number % len(scenes)]
            writer.write(Frame(picture, Fraction(number, 50), Fraction(1, 50)))
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "walk.mp4"
    draw_video_file(path)
    return path


def choose(person: Person, video: Path) -> None:
    person.tab("Video")
    person.page.set_input_files("#video input[type=file]", video)
    person.page.wait_for_selector("#video video")


def test_a_video_is_made_and_plays(person: Person, video: Path, tmp_path: Path) -> None:
    choose(person, video)
    person.page.click("#make-video")
    person.page.wait_for_selector("#made-video .progress-text, #made-video .progress-level")
    person.page.wait_for_selector("#made-video video")
    assert "100 frames." in person.page.locator("#video-said").inner_text()
    person.page.wait_for_function(
        "() => document.querySelector('#made-video video').readyState >= 2", timeout=PATIENCE
    )
    with person.page.expect_download() as download:
        person.page.locator("#made-video a[download]").click()
    assert download.value.suggested_filename == "walk.heads.mp4"
    with av.open(str(download.value.path())) as made:
        assert made.streams.video[0].frames == 100


def test_a_video_is_stopped(person: Person, long_video: Path) -> None:
    choose(person, long_video)
    person.page.click("#make-video")
    person.page.wait_for_selector("#made-video .progress-text, #made-video .progress-level")
    person.page.click("#stop-video")
    person.page.locator("#video-said", has_text="Stopped.").wait_for()
    assert person.page.locator("#made-video video").count() == 0


def test_a_video_with_no_video_is_refused(person: Person, tmp_path: Path) -> None:
    song = tmp_path / "song.mp4"
    with av.open(str(song), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate = 16000
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    person.tab("Video")
    person.page.set_input_files("#video input[type=file]", song)
    person.page.wait_for_selector("#video video")
    person.page.click("#make-video")
    assert "has no video stream" in person.said()
