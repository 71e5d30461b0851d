"""What a video can be: the size of its frames, their rate and their times."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from PIL import Image

from vitonnx.errors import VideoError

__all__ = [
    "LONGEST_STILL",
    "MOST_PIXELS",
    "USUAL_RATE",
    "believed_rate",
    "believed_time",
    "lost_frames",
    "most_pixels",
    "refuse_frames",
    "time_of_day",
]

MOST_PIXELS: Final = 139_264 * 16**2
"""Default limit of a frame: the largest that H.264 has a level for, 6.2, and that
any player must take, 35.7 million pixels; 8K has 33.2. Where a picture is decoded alone, of a video
the decoder keeps several frames, some wait for the model and some for the encoder: up to 70 bytes a
pixel."""


def most_pixels(allowed: int | None) -> int:
    """Return the largest frame to read, in pixels: the limit given, or the default.

    A video's frames have the pictures' limit too, where a program has set Pillow's lower.
    """
    if allowed is not None:
        return allowed
    pictures = Image.MAX_IMAGE_PIXELS
    return MOST_PIXELS if pictures is None else min(MOST_PIXELS, 2 * pictures)


def refuse_frames(name: str, size: tuple[int, int], most: int = MOST_PIXELS) -> None:
    """Refuse a video by the height and width of its frames: a VideoError."""
    height, width = size
    if height * width > most:
        raise VideoError(
            f"{name} has frames of {height}x{width} pixels, but {most:,} are allowed: scale it "
            "down, or allow more with --max-pixels MILLIONS (in Python, max_pixels)."
        )


USUAL_RATE = Fraction(25)
# Frames a second: from one in a day to what the fastest cameras take. What lies beyond is a
# damaged header, and its frames' own times are still read.
SLOWEST, FASTEST = Fraction(1, 86_400), Fraction(1_000_000)
LONGEST_VIDEO = 10**8  # seconds: three years
LONGEST_STILL = 86_400  # seconds: a clock that makes a larger step is broken


def lost_frames(name: str, lost: int, about: str = "") -> str:
    """Say that a video has lost frames."""
    frames = "frame" if lost == 1 else "frames"
    return (
        f"{name} is truncated or damaged: {about}{lost} {frames} couldn't be decoded and were "
        "skipped."
    )


def believed_rate(*told: Fraction | int | None) -> Fraction:
    """Choose the first of several frame rates that can be.

    Examples
    --------
    >>> believed_rate(None, Fraction(2_000_000_000), Fraction(30))
    Fraction(30, 1)
    """
    for rate in told:
        if rate is not None and SLOWEST <= rate <= FASTEST:
            return Fraction(rate)
    return USUAL_RATE


def believed_time(seconds: Fraction | None) -> Fraction | None:
    """Return a time in seconds if a video can have it, else None."""
    if seconds is None or abs(seconds) > LONGEST_VIDEO:
        return None
    return seconds


def time_of_day(text: str) -> Fraction | None:
    """Read a length as Matroska's tags have it; None where it is none.

    Examples
    --------
    >>> time_of_day("00:01:02.500000000"), time_of_day("xx:yy:01.2")
    (Fraction(125, 2), None)
    """
    hours, colon, rest = text.partition(":")
    minutes, colon, seconds = rest.partition(":")
    if not colon or len(text) > len("00000000:00:00.000000000"):
        return None
    try:
        return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)
    except (ValueError, ZeroDivisionError):
        return None
