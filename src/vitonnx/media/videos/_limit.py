"""Largest frames of a video."""

from __future__ import annotations

from typing import Final

from PIL import Image

from vitonnx.errors import VideoError

__all__ = ["MOST_PIXELS", "most_pixels", "refuse_frames"]

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
    """Refuse a video by the height and width of its frames.

    Raises
    ------
    VideoError
        If they have more pixels than are allowed.
    """
    height, width = size
    if height * width > most:
        raise VideoError(
            f"{name} has frames of {height}x{width} pixels, but {most:,} are allowed: scale it "
            "down, or allow more with --max-pixels MILLIONS (in Python, max_pixels)."
        )
