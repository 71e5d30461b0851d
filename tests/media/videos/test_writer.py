"""Videos out: what was written, read by PyAV alone."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.video_files import Seen, cut, even, frames, look, uneven, write_exactly, write_video
from vitonnx.media.videos import Frame, Span, VideoWriter, open_video

MILLISECOND = Fraction(1, 1000)


def copy(source: Path, target: Path, span: Span | None = None) -> str | None:
    """Write a video just as it was read; give what is to be said of its sound."""
    video = open_video(source, span)
    sound = video.sound()
    with (
        sound or nullcontext(),
        VideoWriter(target, rate=video.rate, ticks=video.ticks, sound=sound) as writer,
    ):
        for frame in video.read():
            writer.write(frame)
    return sound.note if sound else None


def copied(source: Path, span: Span | None = None) -> Seen:
    target = source.with_name("out.mp4")
    copy(source, target, span)
    return look(target)


def assert_same_times(written: list[Fraction], original: list[Fraction]) -> None:
    assert len(written) == len(original)
    assert max(abs(a - b) for a, b in zip(written, original, strict=True)) <= MILLISECOND


@pytest.mark.parametrize("clock", [1000, 12800, 90000])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_uneven_times_are_kept(clock: int, suffix: str, tmp_path: Path) -> None:
    # A Matroska file counts in milliseconds, whatever it is given.
    times = uneven(31, 1000 if suffix == ".mkv" else clock)
    source = write_video(tmp_path / f"f{suffix}", frames(31), times, clock=clock)
    written = copied(source)
    assert_same_times(written.times, times)
    *_, last = open_video(source).read()
    assert written.seconds == pytest.approx(float(last.time + last.duration), abs=0.001)


def test_a_rate_of_thirty_thousand_to_a_thousand_and_one(tmp_path: Path) -> None:
    times = [Fraction(1001 * index, 30000) for index in range(29)]
    source = write_video(tmp_path / "f.mp4", frames(29), times, clock=30000)
    written = copied(source)
    assert written.times == times
    *_, last = open_video(source).read()
    assert written.seconds == pytest.approx(float(last.time + last.duration), abs=0.001)


def test_a_browser_plays_it(tmp_path: Path) -> None:
    written = copied(write_exactly(tmp_path / "f.mkv", frames(5)))
    assert (written.codec, written.pixel_format) == ("h264", "yuv420p")
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("size", [(53, 71), (54, 71), (53, 72), (54, 72), (1, 1)])
def test_odd_sides_get_one_more_pixel(size: tuple[int, int], tmp_path: Path) -> None:
    height, width = size
    source = write_exactly(tmp_path / "f.mkv", frames(2, height, width))
    written = copied(source)
    assert written.size == (height + height % 2, width + width % 2)


def test_colours_are_kept(tmp_path: Path) -> None:
    picture = np.zeros((54, 72, 3), np.uint8)
    squares = [(250, 200, 20), (20, 90, 200), (200, 30, 40), (128, 128, 128)]
    for index, colour in enumerate(squares):
        picture[:, index * 18 : (index + 1) * 18] = colour
    source = write_exactly(tmp_path / "f.mkv", [picture] * 3)
    for seen in copied(source).pictures:
        for index, colour in enumerate(squares):
            # In the middle of each; three conversions round, and H.264 loses a little.
            np.testing.assert_allclose(seen[27, index * 18 + 9].astype(int), colour, atol=4)


@pytest.mark.parametrize(
    ("suffix", "codec", "sound"), [(".mp4", "libx264", "aac"), (".webm", "libvpx-vp9", "libopus")]
)
def test_sound_is_copied(suffix: str, codec: str, sound: str, tmp_path: Path) -> None:
    source = write_video(tmp_path / f"f{suffix}", frames(60), codec=codec, sound=sound)
    note = copy(source, tmp_path / "out.mp4")
    original, written = look(source), look(tmp_path / "out.mp4")
    assert note is None
    assert len(original.sound) > 30
    assert written.sound == original.sound
    assert written.sound_codec == original.sound_codec
    assert_same_times(written.sound_times, original.sound_times)


def test_sound_of_a_broadcast_is_copied(tmp_path: Path) -> None:
    """There each packet of AAC has a header, which an .mp4 holds but once."""
    source = write_video(tmp_path / "f.ts", frames(60), codec="mpeg2video", clock=25, sound="aac")
    assert copy(source, tmp_path / "out.mp4") is None
    original, written = look(source).sound, look(tmp_path / "out.mp4").sound
    assert written == [packet[7:] for packet in original]


@pytest.mark.parametrize("sound", ["pcm_s16le", "mp2"])
def test_other_sound_is_encoded_anew(sound: str, tmp_path: Path) -> None:
    source = write_video(tmp_path / "f.mkv", frames(60), sound=sound)
    note = copy(source, tmp_path / "out.mp4")
    assert note is not None
    assert "AAC" in note
    assert sound in note
    written = look(tmp_path / "out.mp4")
    assert written.sound_codec == "aac"
    # A packet of AAC holds 1024 samples; its encoder begins one early.
    assert len(written.sound) * 1024 / 48000 == pytest.approx(2.4, abs=0.06)
    assert abs(written.sound_times[0]) < 0.05


def test_the_sound_of_a_span(tmp_path: Path) -> None:
    source = write_video(tmp_path / "f.mp4", frames(100), sound="aac")
    original = look(source)
    written = copied(source, Span(start=Fraction(1), end=Fraction(3)))
    inside = [
        (time - 1, packet)
        for time, packet in zip(original.sound_times, original.sound, strict=True)
        if 1 <= time < 3
    ]
    assert written.sound == [packet for _, packet in inside]
    assert_same_times(written.sound_times, [time for time, _ in inside])
    assert_same_times(written.times, even(50))
    assert written.seconds == pytest.approx(2, abs=0.001)


def test_every_other_frame_lasts_as_long(tmp_path: Path) -> None:
    source = write_video(tmp_path / "f.mp4", frames(41), sound="aac")
    written = copied(source, Span(every=4))
    assert_same_times(written.times, even(41)[::4])
    assert written.seconds == pytest.approx(41 / 25, abs=0.001)
    assert written.sound == look(source).sound


def test_the_sound_of_a_cut_video(tmp_path: Path) -> None:
    options = {"movflags": "faststart"}
    whole = write_video(tmp_path / "f.mp4", frames(60, 163, 211), sound="aac", options=options)
    written = copied(cut(whole, tmp_path / "cut.mp4", 0.5))
    original = look(whole).sound
    assert 0 < len(written.sound) < len(original)
    # The last is where the file ends.
    assert written.sound[:-1] == original[: len(written.sound) - 1]


def half_a_video(path: Path, error: BaseException) -> None:
    with VideoWriter(path, rate=Fraction(25), ticks=12800, sound=None) as writer:
        for index, picture in enumerate(frames(30)):
            if index == 17:
                raise error
            writer.write(Frame(picture, Fraction(index, 25), Fraction(1, 25)))


def test_after_ctrl_c_it_plays_to_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        half_a_video(tmp_path / "f.mp4", KeyboardInterrupt())
    assert_same_times(look(tmp_path / "f.mp4").times, even(17))


def test_after_an_error_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        half_a_video(tmp_path / "f.mp4", ZeroDivisionError())
    assert list(tmp_path.iterdir()) == []


def test_without_a_frame_there_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "f.mp4", rate=Fraction(25), ticks=25, sound=None):
        pass
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        half_a_video(tmp_path / "nowhere" / "f.mp4", ZeroDivisionError())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk always full")
def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "f.mp4").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        half_a_video(tmp_path / "f.mp4", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []
