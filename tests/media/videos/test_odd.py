"""Videos that say of themselves what can't be: each is read as far as it can be, or a sentence."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import VideoFrame
from PIL import Image

from measured_process import contained
from media.picture_bombs import filled_gif
from media.video_files import Pixels, even, frames, look, write_exactly, write_video
from vitonnx.errors import PictureError, VideoError, VitonnxError
from vitonnx.media import find_pictures, open_picture
from vitonnx.media.videos import Frame, Span, VideoWriter, open_video, read_facts


def carried(path: Path, target: Path) -> int:
    """Write a video anew, with its sound; give the number of its frames."""
    video = open_video(path)
    sound, count = video.sound(), 0
    with (
        sound or nullcontext(),
        VideoWriter(target, rate=video.rate, ticks=video.ticks, sound=sound) as writer,
    ):
        for count, frame in enumerate(video.read(), 1):  # noqa: B007 - the last is the count
            writer.write(frame)
    return count


def replaced(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))
    return path


@pytest.mark.parametrize(
    "told",
    [b"xx:yy:00.240000000", b"99:99:99.999999999", b"-1:00:00.240000000", b"00:00:00,24000000\0"],
)
def test_a_length_that_is_no_time(told: bytes, tmp_path: Path) -> None:
    path = write_exactly(tmp_path / "f.mkv", frames(6))
    replaced(path, b"00:00:00.240000000", told)
    video = open_video(path)
    assert len(list(video.read())) == 6
    assert read_facts(path).size == (53, 71)
    assert carried(path, tmp_path / "o.mp4") == 6


def y4m(path: Path, header: str, size: tuple[int, int] = (8, 8), count: int = 3) -> Path:
    """Uncompressed frames behind one line of text."""
    frame = b"FRAME\n" + bytes(range(size[0] * size[1])) + bytes(size[0] * size[1] // 2)
    path.write_bytes(f"YUV4MPEG2 {header}\n".encode() + frame * count)
    return path


@pytest.mark.parametrize(
    "header",
    [
        *("W8 H8 F2000000000:1 A1:1 C420", "W8 H8 F1:2000000000 A1:1 C420", "W8 H8 F0:0 C420"),
        *("W8 H8 F-25:1 C420", "W8 H8 F25:0 C420", "W8 H8 F25:1 A0:0 C420"),
    ],
)
def test_rates_that_no_video_has(header: str, tmp_path: Path) -> None:
    """A video keeps its frames, whatever its rate; or FFmpeg doesn't take it for one."""
    path = y4m(tmp_path / "f.y4m", header)
    try:
        assert carried(path, tmp_path / "o.mp4") == 3
    except VideoError as error:
        assert str(path) in str(error)  # noqa: PT017 - either is right
    else:
        times = look(tmp_path / "o.mp4").times
        assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("W8 H8 F25:1 A20000:1 C420", "20000 times as wide as high"),
        ("W8 H8 F2000000000:1 A2000000000:1 C420", "times as wide as high"),
        ("W8 H8 F25:1 A1:20000 C420", "5e-05 times as wide as high"),
        ("W0 H0 F25:1 C420", "can't open"),
        ("W-8 H8 F25:1 C420", "can't open"),
        ("W99999 H99999 F25:1 C420", "can't open|99999x99999"),
        ("W9000 H4000 F25:1 C420", "4000x9000 pixels, but 35,651,584 are allowed"),
        ("W4000 H8000 F25:1 A2:1 C420", "8000x8000 pixels, but 35,651,584 are allowed"),
    ],
)
def test_sizes_that_are_refused(header: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=message):
        open_video(y4m(tmp_path / "f.y4m", header))


def test_broad_pixels_allocate_nothing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "f.mp4", frames(3), codec="mpeg4", aspect=Fraction(4, 3))
    box = b"pasp" + (4).to_bytes(4) + (3).to_bytes(4)
    replaced(path, box, b"pasp" + (20000).to_bytes(4) + (1).to_bytes(4))
    with pytest.raises(VideoError, match="20000 times as wide as high"):
        open_video(path)


@pytest.mark.parametrize("step", [2**40, 2**50, 2**62])
def test_a_clock_that_jumps(step: int, tmp_path: Path) -> None:
    """A frame behind the jump follows the one before it."""
    path = tmp_path / "f.nut"
    with av.open(str(path), "w") as output:
        track = output.add_stream("ffv1", rate=25)
        assert isinstance(track, av.VideoStream)
        track.height, track.width, track.pix_fmt = 16, 16, "bgr0"
        track.codec_context.time_base = Fraction(1, 1000)
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), number, np.uint8))
            frame.time_base, frame.pts = Fraction(1, 1000), number * 40
            for packet in track.encode(frame):
                if number >= 2:
                    packet.pts = packet.dts = number * 40 + step
                output.mux(packet)
    video = open_video(path)
    ends = [frame.time + frame.duration for frame in video.read()]
    assert 1 <= len(ends) <= 4
    assert ends[-1] < 10
    assert carried(path, tmp_path / "o.mp4") == len(ends)


FILLED = 13_000


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux does it")
def test_a_huge_gif_is_refused_before_it_takes_gigabytes(tmp_path: Path) -> None:
    (tmp_path / "f.gif").write_bytes(filled_gif(FILLED, FILLED))
    tried = contained(
        "from vitonnx.media.videos import open_video",
        "next(open_video(sys.argv[1]).read())",
        tmp_path / "f.gif",
    )
    assert "13000x13000 pixels, but 35,651,584 are allowed" in tried.sentence
    assert tried.taken < 2e9


def sized_folder(tmp_path: Path) -> Path:
    (tmp_path / "video").mkdir()
    Image.new("RGB", (71, 53)).save(tmp_path / "video" / "0.png")
    return tmp_path / "video"


def sized_webp(tmp_path: Path) -> Path:
    pictures = [Image.new("RGB", (71, 53), (shade, 0, 0)) for shade in (0, 90, 180)]
    pictures[0].save(tmp_path / "f.webp", save_all=True, append_images=pictures[1:])
    return tmp_path / "f.webp"


def sized_video(tmp_path: Path) -> Path:
    return write_exactly(tmp_path / "f.mkv", frames(3))


@pytest.mark.parametrize("make", [sized_folder, sized_webp, sized_video])
def test_all_kinds_of_videos_have_the_limit(
    make: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path)
    monkeypatch.setattr("vitonnx.media.videos._limit.MOST_PIXELS", 71 * 53 - 1)
    with pytest.raises(VideoError, match=r"3,762.* --max-pixels|more than the 3,762"):
        open_video(path)
    assert open_video(path, max_pixels=71 * 53).size == (53, 71)


# What FFmpeg would take for a video, and that names other files.
LISTS = {
    "concat": "ffconcat version 1.0\nfile walk.mkv\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nwalk.ts\n#EXT-X-ENDLIST\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S"><Period><AdaptationSet mimeType="video/mp4"><Representation '
    'id="0" bandwidth="1"><BaseURL>walk.mp4</BaseURL></Representation></AdaptationSet></Period>'
    "</MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
    "a=rtpmap:96 H264/90000\n",
    "metadata": ";FFMETADATA1\ntitle=x\n",
}


@pytest.fixture(scope="module")
def siblings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos that somebody else keeps in the same folder."""
    folder = tmp_path_factory.mktemp("siblings")
    write_video(folder / "walk.mkv", frames(3))
    write_video(folder / "walk.mp4", frames(3))
    write_video(folder / "walk.ts", frames(3), codec="mpeg2video", clock=25)
    for number in range(3):
        Image.new("RGB", (16, 16)).save(folder / f"walk{number}.png")
    return folder


@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".mkv", ".mpd", ".ffconcat", ".png"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_videos_reads_none_of_them(kind: str, suffix: str, siblings: Path) -> None:
    path = siblings / f"{kind}{suffix}"
    path.write_text(LISTS[kind])
    for read in (open_video, read_facts):
        with pytest.raises(VideoError, match=f"can't open .*{kind}|{kind}.*not a picture"):
            read(path)


@pytest.mark.skipif(sys.platform == "win32", reason="such names are none there")
@pytest.mark.parametrize(
    "name",
    [
        *("concat:walk.mkv|walk.mkv", "subfile,,start,0,end,9999,,:walk.mkv", "walk%d.png"),
        *("pipe:0", "fd:0", "data:walk.mkv", "cache:walk.mkv", "crypto:walk.mkv", "-", "walk*.png"),
    ],
)
def test_a_name_is_a_file_and_no_protocol(
    name: str, siblings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(siblings)
    with pytest.raises(VideoError, match=r"There is no video|is a URL"):
        open_video(name)
    content = (siblings / "walk.mkv").read_bytes()
    Path(name).write_bytes(content)
    try:
        if not name.endswith(".png"):  # where a picture is looked for
            assert len(list(open_video(name).read())) == 3
        Path(name).write_bytes(b"no video " * 99)
        with pytest.raises(VideoError):
            open_video(name)
    finally:
        Path(name).unlink()


SPECIAL = """
import os, sys
from vitonnx.errors import VitonnxError
from vitonnx.media import find_pictures, open_picture
from vitonnx.media.videos import open_video, read_facts
from pathlib import Path
for path in sys.argv[1:]:
    for read in (open_picture, open_video, lambda path: read_facts(Path(path))):
        try:
            read(path)
        except VitonnxError as error:
            print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_pipes_and_devices_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "a.png")
    os.mkfifo(tmp_path / "a.mp4")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.png")
    names = [str(tmp_path / name) for name in ("a.png", "a.mp4", "link.jpg")]
    command = [sys.executable, "-c", SPECIAL, *names, "/dev/zero", "/dev/tty"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    said = done.stdout.splitlines()
    assert len(said) == 15
    assert all("only regular files are read" in line for line in said)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_a_search_passes_over_pipes(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "1.png")
    Image.new("RGB", (7, 5)).save(tmp_path / "2.png")
    assert [path.name for path in find_pictures([tmp_path])] == ["2.png"]
    assert len(list(open_video(tmp_path).read())) == 1


@pytest.mark.parametrize("name", ["a\0.mp4", "x" * 300])
def test_names_that_no_video_can_have(name: str, tmp_path: Path) -> None:
    for read in (open_video, read_facts):
        with pytest.raises(VideoError):
            read(tmp_path / name)
    with pytest.raises(PictureError):
        open_picture(tmp_path / name)


def still(height: int, width: int) -> Pixels:
    return np.zeros((height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("rate", "ticks", "size", "times"),
    [
        (Fraction(25), 1000, (4, 20_000), [0, 1]),
        (Fraction(10**12), 1000, (16, 16), [0, 1]),
        (Fraction(25), 10**12, (16, 16), [0, 1]),
        (Fraction(25), 1000, (16, 16), [0, 10**25]),
    ],
)
def test_what_no_encoder_takes(
    rate: Fraction, ticks: int, size: tuple[int, int], times: list[int], tmp_path: Path
) -> None:
    """It is written, or refused in a sentence, and then there is no file."""
    path = tmp_path / "o.mp4"
    try:
        with VideoWriter(path, rate=rate, ticks=ticks, sound=None) as writer:
            for time in times:
                writer.write(Frame(still(*size), Fraction(time), Fraction(1, 25)))
    except VideoError as error:
        assert "as H.264" in str(error)  # noqa: PT017 - either is right
        assert not path.exists()
    else:
        assert len(look(path).pictures) == 2


def test_frames_nearer_than_a_tick_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "o.mp4"
    with VideoWriter(path, rate=Fraction(25), ticks=10, sound=None) as writer:
        for time in (Fraction(0), Fraction(1, 1000), Fraction(2, 1000), Fraction(1)):
            writer.write(Frame(still(16, 16), time, Fraction(1, 1000)))
    assert look(path).times == [Fraction(tick, 10) for tick in (0, 1, 2, 10)]


def test_flipped_bytes_are_frames_or_a_sentence(tmp_path: Path) -> None:
    """Sound and all: nothing but vitonnx's own errors comes out."""
    generator = np.random.default_rng(1)
    for suffix, sound in ((".mp4", "aac"), (".mkv", "pcm_s16le"), (".avi", "mp2")):
        whole = write_video(
            tmp_path / f"f{suffix}", frames(4, 32, 48), even(4), sound=sound, clock=25
        ).read_bytes()
        for number in range(12):
            content = bytearray(whole)
            # Most of what can be said wrongly stands at the beginning and at the end.
            places = generator.integers(0, 3000, 6)
            for place in places:
                content[place if number % 2 else -place - 1] ^= int(generator.integers(1, 256))
            path = tmp_path / f"{number}{suffix}"
            path.write_bytes(content)
            try:
                carried(path, tmp_path / "o.mp4")
                list(open_video(path, Span(start=Fraction(1, 20))).read())
            except VitonnxError as error:
                assert str(error)  # noqa: PT017 - either is right


def test_frames_are_gone_as_soon_as_they_are_read(tmp_path: Path) -> None:
    """And don't wait for Python to look for circles of objects."""
    write_video(tmp_path / "walk.mp4", frames(20))
    video = open_video(tmp_path / "walk.mp4")
    gc.collect()
    gc.disable()
    try:
        assert sum(1 for _ in video.read()) == 20
        left = sum(isinstance(each, VideoFrame) for each in gc.get_objects())
    finally:
        gc.enable()
    assert left < 5
