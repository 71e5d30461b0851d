"""A decoded frame as upright RGB with square pixels."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from av import VideoFrame
from av.sidedata.sidedata import SideDataContainer
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

__all__ = ["UprightRgb", "square_size"]

UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
AT_ONCE = 2**20  # pixels: in 16 bits they take more memory than the frame
HD_HEIGHT = 720  # from here on what doesn't say its colours has those of HD, as players take it


class UprightRgb:
    """Converts the frames of one video to RGB, makes their pixels square, and turns them upright.

    The converter of one frame is kept for the next: making it costs more than using it.

    Parameters
    ----------
    aspect : Fraction or None
        Width of a pixel over its height; None, 0 and 1 are square.
    """

    def __init__(self, aspect: Fraction | None = None) -> None:
        self._aspect = aspect or Fraction(1)
        self._reformatter = VideoReformatter()

    def size_of(self, frame: VideoFrame) -> tuple[int, int]:
        """Return height and width of a converted frame, before rotation."""
        return square_size((frame.height, frame.width), self._aspect)

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Convert a frame, of any pixel format, to uint8 (height, width, 3).

        Transparent frames are blended over white; the display matrix of the video rotates them.
        """
        transparent = any(part.is_alpha for part in frame.format.components)
        unknown = frame.colorspace == UNSPECIFIED and not frame.format.is_rgb
        converted = self._reformatter.reformat(
            frame,
            width=self.size_of(frame)[1],
            format="rgba" if transparent else "rgb24",
            src_colorspace=Colorspace.ITU709 if unknown and frame.height >= HD_HEIGHT else None,
            interpolation=Interpolation.BICUBIC,
        )
        pixels = np.asarray(converted.to_ndarray(), np.uint8)
        if transparent:
            pixels = _over_white(pixels)
        matrix = _display_matrix(frame)
        if matrix is not None:
            pixels = _turned(pixels, matrix)
        return np.ascontiguousarray(pixels)


def square_size(size: tuple[int, int], aspect: Fraction | None) -> tuple[int, int]:
    """Return height and width of a frame with square pixels.

    Parameters
    ----------
    size : (height, width)
        Coded size in pixels.
    aspect : Fraction or None
        Width of a pixel over its height; None, 0 and 1 are square.

    Examples
    --------
    >>> square_size((576, 720), Fraction(16, 15))
    (576, 768)
    """
    return size[0], max(1, round(size[1] * (aspect or 1)))


def _display_matrix(frame: VideoFrame) -> NDArray[np.int32] | None:
    """Find out how a frame is to be turned; None if it isn't."""
    try:
        # Not by the frame's own property, which keeps what it gives, and that keeps the frame: so
        # they would wait for Python to look for such circles, dozens of frames long.
        # Nobody types this key, and it has been there since FFmpeg 4.
        container = SideDataContainer(frame)  # type: ignore[call-arg]
        matrix: Any = container.get("DISPLAYMATRIX")
    except ValueError:
        # Beside it stands what this PyAV has no name for, such as Exif data or the views of a
        # video in 3D. It still knows the angle, counterclockwise, of a turn without a mirror.
        quarters = round(frame.rotation / 90) % 4
        a, b = ((1, 0), (0, -1), (-1, 0), (0, 1))[quarters]
        return np.array([[a, b, 0], [-b, a, 0], [0, 0, 1]], np.int32)
    return None if matrix is None else np.frombuffer(matrix, np.int32).reshape(3, 3)


def _over_white(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay (height, width, 4) over white."""
    over = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, AT_ONCE // pixels.shape[1])
    for start in range(0, len(pixels), rows):
        part = pixels[start : start + rows]
        alpha = part[..., 3:].astype(np.uint16)
        over[start : start + rows] = (part[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return over


def _turned(pixels: NDArray[np.uint8], matrix: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Turn and mirror pixels as a display matrix says, to the nearest right angle.

    FFmpeg's matrix takes x to ``a x + c y`` and y to ``b x + d y``, where its first row is a, b and
    its second c, d.
    """
    (a, b), (c, d) = matrix[:2, :2].astype(np.int64)
    if abs(b) + abs(c) > abs(a) + abs(d):
        pixels = pixels.swapaxes(0, 1)
        a, d = c, b
    return pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]
