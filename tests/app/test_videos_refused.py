"""Videos that are none, too long, too large, or that would have other files read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from benchmarks.visitor import RefusedError, Visitor
from PIL import Image

from app.pages_served import ASKED, Served
from media import picture_bombs as bombs
from media.video_files import frames, write_song, write_video

pytestmark = pytest.mark.usefixtures("unharmed")

ONE = [ASKED[0][:1], *ASKED[1:]]


@pytest.fixture(scope="module")
def visitor(served: Served) -> Iterator[Visitor]:
    with Visitor(served.address) as visitor:
        yield visitor


def make(visitor: Visitor, video: bytes | Path, name: str) -> list[Any]:
    return visitor.call("video", visitor.upload(video, name), "heads", "overlay", *ONE)


SECRET = "SECRET OF THE MACHINE"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of the machine's that no visitor sent."""
    path = tmp_path_factory.mktemp("secret") / "secret.mp4"
    return write_video(path, frames(5))


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n{file}\n#EXT-X-ENDLIST\n",
    "hls, by an address": "#EXTM3U\n#EXTINF:1.0,\nfile://{file}\n#EXT-X-ENDLIST\n",
    "hls, by concat": "#EXTM3U\n#EXTINF:1.0,\nconcat:{file}|{file}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{file}'\n",
    "dash": "<?xml version='1.0'?><MPD><Period><AdaptationSet><Representation>"
    "<BaseURL>{file}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "subtitles": "1\n00:00:00,000 --> 00:00:01,000\n{file}\n",
    "rtsp": "[reference]\nref1=file://{file}\n",
    "image list": "{file}\n",
}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.mkv"])
def test_a_list_of_other_files(kind: str, name: str, visitor: Visitor, secret: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        make(visitor, PLAYLISTS[kind].format(file=secret).encode(), name)
    assert name in str(refused.value)
    assert str(secret.parent) not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"some words",
        b"\0" * 100_000,
        b"\0\0\0\x18ftypmp42\0\0\0\0",
        b"RIFF\xff\xff\xff\xffAVI ",
    ],
    ids=["nothing", "words", "zeros", "mp4", "avi"],
)
def test_what_is_no_video(content: bytes, visitor: Visitor) -> None:
    with pytest.raises(RefusedError, match=r"video\.mp4"):
        make(visitor, content, "video.mp4")


def test_a_video_with_no_video(visitor: Visitor, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"song\.mp4.*no video"):
        make(visitor, write_song(tmp_path / "s.mp4"), "song.mp4")


def test_a_picture_and_a_page_are_no_videos(visitor: Visitor, picture: Path) -> None:
    for content, name in (
        (picture.read_bytes(), "cat.mp4"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing.mp4"),
        (b"<html></html>", "page.mp4"),
    ):
        with pytest.raises(RefusedError, match=name):
            make(visitor, content, name)


def seconds(count: int) -> list[Fraction]:
    """A frame a second."""
    return [Fraction(index) for index in range(count)]


def test_a_video_that_is_too_long(visitor: Visitor, tmp_path: Path) -> None:
    video = write_video(tmp_path / "f.mp4", frames(31), seconds(31))
    with pytest.raises(RefusedError, match=r"long\.mp4 lasts 3. s; at most 20 s"):
        make(visitor, video, "long.mp4")


def longest(video: Path) -> float:
    with av.open(str(video)) as opened:
        return max(float(frame.time or 0) for frame in opened.decode(video=0))


@pytest.mark.parametrize("said", [0.0, 2.0, 1e-9])
def test_a_header_that_lies_about_its_length(said: float, visitor: Visitor, tmp_path: Path) -> None:
    """Thirty seconds that say two, or nothing: no more than twenty are made."""
    video = write_video(tmp_path / "f.mkv", frames(31), seconds(31))
    content = bytearray(video.read_bytes())
    place = content.index(b"\x44\x89\x88") + 3
    content[place : place + 8] = np.array(1000 * said, ">f8").tobytes()
    try:
        made, _ = make(visitor, bytes(content), "liar.mkv")
    except RefusedError as refused:
        assert "liar.mkv" in str(refused)  # noqa: PT017 - either is well
        return
    result = tmp_path / "made.mp4"
    result.write_bytes(visitor.download(made))
    assert longest(result) <= 20


def test_a_frame_that_is_too_large_by_its_header(visitor: Visitor) -> None:
    with pytest.raises(RefusedError, match=r"huge\.gif") as refused:
        make(visitor, bombs.gif(12_000, 12_000), "huge.gif")
    assert "scale it down" in str(refused.value) or "not" in str(refused.value)


def jpeg(height: int, width: int) -> bytes:
    stream = io.BytesIO()
    Image.new("L", (width, height), "white").save(stream, "jpeg")
    return stream.getvalue()


def write_jpegs(path: Path, pictures: list[bytes]) -> Path:
    """A video of JPEGs whose header says 48 by 64, whatever they are."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuvj420p"
        for number, picture in enumerate(pictures):
            packet = av.Packet(picture)
            packet.pts = packet.dts = number
            packet.stream, packet.time_base = stream, Fraction(1, 5)
            output.mux(packet)
    return path


def test_frames_that_are_larger_than_the_header_says(visitor: Visitor, tmp_path: Path) -> None:
    small, large = jpeg(48, 64), jpeg(7000, 7500)
    with pytest.raises(RefusedError, match=r"large\.avi"):
        make(visitor, write_jpegs(tmp_path / "large.avi", [large] * 2), "large.avi")
    growing = write_jpegs(tmp_path / "growing.avi", [small] * 5 + [large] + [small] * 3)
    _, words = make(visitor, growing, "growing.avi")
    assert "8 frames." in words
    assert "1 " in words.split(".", 1)[1], "it says that one is missing"


def test_a_video_that_is_cut_off(visitor: Visitor, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "f.mp4", frames(31)).read_bytes()
    with pytest.raises(RefusedError, match=r"cut\.mp4") as refused:
        make(visitor, whole[: len(whole) // 2], "cut.mp4")
    assert "/" not in str(refused.value)


def test_no_other_style_and_no_other_probe(visitor: Visitor, tmp_path: Path) -> None:
    video = visitor.upload(write_video(tmp_path / "f.mp4", frames(3)), "video.mp4")
    for probe, style in (("../../x", "overlay"), ("distance", "overlay"), ("heads", "x"), (3, [])):
        with pytest.raises(RefusedError):
            visitor.call("video", video, probe, style, *ONE)
    made, words = visitor.call("video", video, "heads", "overlay", *ONE)
    assert made
    assert "3 frames" in words
