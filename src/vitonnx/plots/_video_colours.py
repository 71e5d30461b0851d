"""The colours of a map in a video: the same as in figures, fast enough for every frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Literal, get_args

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.errors import UsageError
from vitonnx.plots._scale import FAINTEST, STRONGEST, Scale
from vitonnx.plots._tile import DARKEST, LIGHTEST
from vitonnx.probes import WHOLE, Crop

__all__ = ["VideoColours", "VideoStyle"]

VideoStyle = Literal["overlay", "heatmap", "side-by-side"]

LEVELS = np.arange(256)
# Grey from black to white, onto the range that a picture keeps below a map.
UNDERLAY = np.rint((DARKEST + (LIGHTEST - DARKEST) * LEVELS / 255) * 255).astype(int).tolist()


@dataclass(frozen=True)
class VideoColours:
    """How maps are coloured.

    Parameters
    ----------
    style : "overlay", "heatmap" or "side-by-side"
        A map on the frame in grey; the map alone; or the frame in colour with the overlay beside.
    colormap : str
        A name of Matplotlib's.
    opacity : float from 0 to 1
        How much of the frame an overlay hides where the map is highest. It hides about half as
        much where the map is lowest.

    Raises
    ------
    UsageError
        If a name is unknown, or the opacity out of its range.
    """

    style: VideoStyle = "overlay"
    colormap: str = "inferno"
    opacity: float = STRONGEST

    def __post_init__(self) -> None:
        if self.style not in get_args(VideoStyle):
            raise UsageError(
                f"style {self.style!r} is unknown; use {', '.join(get_args(VideoStyle))}."
            )
        if not isinstance(self.colormap, str) or self.colormap not in mpl.colormaps:
            raise UsageError(
                f"colormap {self.colormap!r} is unknown to Matplotlib; try inferno, viridis, "
                "magma, cividis, turbo or gray."
            )
        if not isinstance(self.opacity, Real) or not 0 <= self.opacity <= 1:
            raise UsageError(f"opacity is {self.opacity!r}; it must be from 0 to 1.")

    def draw(
        self,
        frame: Image.Image,
        values: NDArray[np.floating],
        scale: Scale,
        cover: Crop = WHOLE,
    ) -> Image.Image:
        """Draw a map over a frame.

        Parameters
        ----------
        frame : PIL.Image.Image, mode RGB
            What the model saw; it is left as it is.
        values : (rows, columns)
            The map, raw.
        scale : Scale
            From its values to colours; what lies outside has the first or last colour.
        cover : (left, top, right, bottom)
            Where the map lies, in shares of the frame's sides. What of the frame it doesn't cover
            stays without colours; what of the map lies beyond the frame is left out.

        Returns
        -------
        PIL.Image.Image, mode RGB
            Of the frame's size.
        """
        share = (np.asarray(values, np.float64) - scale.low) / (scale.high - scale.low)
        levels = np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)
        spread, corner = _spread(Image.fromarray(levels), frame.size, cover)
        coloured = Image.frombytes("P", spread.size, spread.tobytes())
        coloured.putpalette(self._palette)
        if self.style == "heatmap":
            drawn = Image.new("RGB", frame.size)
            drawn.paste(coloured.convert("RGB"), corner)
            return drawn
        grey = frame.convert("L").point(UNDERLAY).convert("RGB")
        grey.paste(coloured.convert("RGB"), corner, spread.point(self._hiding))
        return grey

    @cached_property
    def _palette(self) -> bytes:
        colours = mpl.colormaps[self.colormap](LEVELS / 255)[:, :3]
        return bytes(np.rint(colours * 255).astype(np.uint8))

    @cached_property
    def _hiding(self) -> list[int]:
        """How much each level hides, from 0 to 255."""
        share = np.linspace(FAINTEST / STRONGEST, 1, len(LEVELS)) * self.opacity
        return [round(value) for value in (share * 255).tolist()]


def _spread(
    levels: Image.Image, frame: tuple[int, int], cover: Crop
) -> tuple[Image.Image, tuple[int, int]]:
    """Scale a map to what it covers of a frame of (width, height); and say where that begins."""
    width, height = frame
    left, top = (max(0, round(share * side)) for share, side in zip(cover[:2], frame, strict=True))
    right, bottom = (
        min(side, round(share * side)) for share, side in zip(cover[2:], frame, strict=True)
    )
    # The same edges, in the map's own pixels.
    across = levels.width / (cover[2] - cover[0])
    down = levels.height / (cover[3] - cover[1])
    box = (
        max(0.0, (left / width - cover[0]) * across),
        max(0.0, (top / height - cover[1]) * down),
        min(levels.width, (right / width - cover[0]) * across),
        min(levels.height, (bottom / height - cover[1]) * down),
    )
    # Pillow's bicubic is Catmull and Rom's, as in figures; its rounding keeps the range.
    return levels.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=box), (
        left,
        top,
    )
