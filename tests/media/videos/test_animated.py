"""Animated pictures are videos: GIF, PNG, WebP and AVIF, each frame at its own time."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vitonnx.errors import UsageError, VideoError
from vitonnx.media import open_picture
from vitonnx.media.videos import Span, open_video, read_facts
from vitonnx.media.videos._container import opened
from vitonnx.media.videos._file import video_of

LENGTHS = [40, 80, 120, 50, 70, 110, 130]  # milliseconds
STARTS = [0, *accumulate(LENGTHS[:-1])]
# Levels: AVIF's colours go through YCbCr, and are rounded twice.
EXACT = {".gif": 0, ".png": 0, ".webp": 0, ".avif": 2}
SEVERAL = pytest.mark.parametrize("suffix", EXACT)


def drawn(number: int, *, clear: bool = False) -> Image.Image:
    """Draw a red square that moves to the right, over grey or over nothing."""
    ground = (0, 0, 0, 0) if clear else (90, 90, 90, 255)
    frame = Image.new("RGBA", (71, 53), ground)
    frame.paste((255, 40, 40, 255), (8 * number, 20, 8 * number + 15, 40))
    return frame if clear else frame.convert("RGB")


def write(path: Path, frames: list[Image.Image], durations: Any = LENGTHS, **more: Any) -> Path:
    forms: dict[str, dict[str, Any]] = {
        ".gif": {"disposal": 2},
        ".png": {"disposal": 1},
        ".webp": {"lossless": True},
        ".avif": {"quality": 100, "subsampling": "4:4:4"},
    }
    options = forms[path.suffix] | more
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, **options)
    return path


def over_white(frame: Image.Image) -> np.ndarray:
    white = Image.new("RGBA", frame.size, "white")
    return np.asarray(Image.alpha_composite(white, frame.convert("RGBA")).convert("RGB"), int)


@SEVERAL
def test_every_frame_at_its_time(suffix: str, tmp_path: Path) -> None:
    """However often it is to be repeated."""
    frames = [drawn(number) for number in range(7)]
    loop = {} if suffix == ".avif" else {"loop": 3}
    video = open_video(write(tmp_path / f"a{suffix}", frames, **loop))
    assert video.size == (53, 71)
    for _ in range(2):  # it can be read again
        read = list(video.read())
        assert [frame.time for frame in read] == [Fraction(start, 1000) for start in STARTS]
        assert [frame.duration for frame in read] == [Fraction(each, 1000) for each in LENGTHS]
        for frame, expected in zip(read, frames, strict=True):
            np.testing.assert_allclose(
                frame.pixels.astype(int), np.asarray(expected), atol=EXACT[suffix]
            )
    assert video.complaint is None
    assert video.sound() is None


@SEVERAL
def test_what_is_transparent_lies_over_white(suffix: str, tmp_path: Path) -> None:
    frames = [drawn(number, clear=True) for number in range(7)]
    for each in frames:  # without it, a WebP that Pillow writes says that it is not transparent
        each.putpixel((0, 52), (0, 0, 255, 0 if suffix == ".gif" else 128))
    read = list(open_video(write(tmp_path / f"a{suffix}", frames)).read())
    assert len(read) == 7
    for frame, expected in zip(read, frames, strict=True):
        np.testing.assert_allclose(
            frame.pixels.astype(int), over_white(expected), atol=EXACT[suffix]
        )


@SEVERAL
def test_a_part_of_it(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", [drawn(number) for number in range(7)])
    span = Span(start=Fraction(1, 10), end=Fraction(4, 10), every=2)
    read = list(open_video(path, span).read())
    # The frames at 120, 240, 290 and 360 ms: every second, up to the span's end.
    assert [frame.time for frame in read] == [Fraction(20, 1000), Fraction(190, 1000)]
    assert [frame.duration for frame in read] == [Fraction(170, 1000), Fraction(110, 1000)]
    with pytest.raises(UsageError, match="no frame in the requested range"):
        open_video(path, Span(start=Fraction(5)))


@SEVERAL
def test_as_a_picture_it_is_its_first_frame(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", [drawn(number) for number in range(7)])
    np.testing.assert_allclose(
        np.asarray(open_picture(path), int), np.asarray(drawn(0), int), atol=EXACT[suffix]
    )


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_frames_without_a_length_last_as_browsers_have_them(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", [drawn(number) for number in range(5)], 0)
    assert [frame.time for frame in open_video(path).read()] == [
        Fraction(number, 10) for number in range(5)
    ]


def test_what_stands_for_a_png_that_cannot_move_is_no_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (71, 53), "blue"), *(drawn(number) for number in range(7))]
    path = write(tmp_path / "a.png", frames, default_image=True)
    read = list(open_video(path).read())
    assert len(read) == 7
    np.testing.assert_array_equal(read[0].pixels, np.asarray(drawn(0)))


@pytest.mark.parametrize("suffix", [".webp", ".avif"])
def test_one_that_is_cut_off_says_so(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", [drawn(number) for number in range(7)])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(VideoError, match=r"a\.(webp|avif) is damaged or truncated"):
        list(open_video(path).read())


def test_frames_before_a_damaged_one_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "a.webp", [drawn(number) for number in range(7)])
    content = bytearray(path.read_bytes())
    start = content.rindex(b"VP8L") + 8 + 5  # behind the last frame's header
    content[start : start + 9] = b"\xff" * 9
    path.write_bytes(content)
    video = open_video(path)
    assert len(list(video.read())) == 6
    assert video.complaint is not None
    assert "1 frame couldn't be decoded" in video.complaint


@pytest.mark.parametrize("suffix", [".webp", ".avif", ".tif", ".jpg", ".png"])
@pytest.mark.parametrize("orientation", [1, 2, 5, 6])
def test_a_still_is_one_frame_upright(orientation: int, suffix: str, tmp_path: Path) -> None:
    """Even where it is mirrored, and Exif data, which PyAV has no name for, stand beside it."""
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = drawn(2) if stored is None else drawn(2).transpose(stored)
    picture.save(tmp_path / f"a{suffix}", exif=exif, quality=95)
    (frame,) = open_video(tmp_path / f"a{suffix}").read()
    assert frame.pixels.shape == (53, 71, 3)
    difference = np.abs(frame.pixels.astype(int) - np.asarray(drawn(2)))
    assert np.quantile(difference, 0.9) <= 12  # of lossy formats, away from the square's edge


def test_a_moving_png_with_exif_data(tmp_path: Path) -> None:
    """FFmpeg reads it, and gives frames with side data that PyAV has no name for."""
    exif = Image.Exif()
    exif[0x0112] = 1
    frames = [drawn(number) for number in range(7)]
    read = list(open_video(write(tmp_path / "a.png", frames, exif=exif)).read())
    assert len(read) == 7
    for number, frame in enumerate(read):
        np.testing.assert_array_equal(frame.pixels, np.asarray(drawn(number)))


def test_the_video_in_an_avif_is_its_second_stream(tmp_path: Path) -> None:
    """For who asks FFmpeg, as the page does before it decodes anything; the first is a still."""
    path = write(tmp_path / "a.avif", [drawn(number) for number in range(7)])
    with opened(path) as container:
        assert video_of(container, path).frames == 7
    facts = read_facts(path)
    assert (facts.size, facts.seconds) == ((53, 71), Fraction(sum(LENGTHS), 1000))


def test_a_moving_png_that_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [drawn(number).transpose(Image.Transpose.ROTATE_90) for number in range(7)]
    first = Image.new("RGB", (53, 71))
    path = write(tmp_path / "a.png", [first, *frames], exif=exif, default_image=True)
    read = list(open_video(path).read())
    assert [frame.time for frame in read] == [Fraction(start, 1000) for start in STARTS]
    for number, frame in enumerate(read):
        np.testing.assert_array_equal(frame.pixels, np.asarray(drawn(number)))


@SEVERAL
def test_the_largest_frame(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path / f"a{suffix}", [drawn(number) for number in range(3)], 100)
    assert open_video(path, max_pixels=71 * 53).size == (53, 71)
    with pytest.raises(VideoError, match=r"3,762 .*--max-pixels"):
        open_video(path, max_pixels=71 * 53 - 1)
