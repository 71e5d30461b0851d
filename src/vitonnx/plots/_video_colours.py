"""The colours of maps in a video: the same as in figures, fast enough for every frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.errors import UsageError
from vitonnx.plots._legend import COLOURS, Legend
from vitonnx.plots._scale import FAINTEST, STRONGEST, Scale
from vitonnx.plots._tile import DARKEST, LAID_OVER, LIGHTEST
from vitonnx.probes import WHOLE, Crop

__all__ = ["Key", "VideoColours", "VideoStyle"]

VideoStyle = Literal["overlay", "heatmap", "side-by-side"]

Key: TypeAlias = Scale | Legend | None
"""From values to colours: of numbers, and of classes; None where the values are colours."""

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
        A name of Matplotlib's, for numbers.
    opacity : float from 0 to 1, or None
        How much of the frame an overlay hides where the map is highest; by default 0.95. It hides
        about half as much where the map is lowest. Colours and classes hide this share everywhere;
        by default 0.6.

    Raises
    ------
    UsageError
        If a name is unknown, or the opacity out of its range.
    """

    style: VideoStyle = "overlay"
    colormap: str = "inferno"
    opacity: float | None = None

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
        if self.opacity is not None and not (
            isinstance(self.opacity, Real) and 0 <= self.opacity <= 1
        ):
            raise UsageError(f"opacity is {self.opacity!r}; it must be from 0 to 1.")

    def draw(
        self, frame: Image.Image, values: NDArray[Any], key: Key, cover: Crop = WHOLE
    ) -> Image.Image:
        """Draw a map over a frame.

        Parameters
        ----------
        frame : PIL.Image.Image, mode RGB
            What the model saw; it is left as it is.
        values : (rows, columns), or (rows, columns, 4) without a key
            The map, raw; or from 0 to 1 red, green and blue times how much of a patch has a colour,
            and how much has.
        key : Scale, Legend or None
            From values to colours; what lies outside a scale has the first or last colour.
        cover : (left, top, right, bottom)
            Where the map lies, in shares of the frame's sides. What of the frame it doesn't cover
            stays without colours; what of the map lies beyond the frame is left out.

        Returns
        -------
        PIL.Image.Image, mode RGB
            Of the frame's size.
        """
        place = _place(values.shape[:2], frame.size, cover)
        if isinstance(key, Scale):
            share = (np.asarray(values, np.float64) - key.low) / (key.high - key.low)
            levels = place.spread(_bytes(np.clip(share, 0, 1)))
            colours = _coloured(levels, self._palette)
            shown, hidden = None, levels.point(self._hiding)
        elif isinstance(key, Legend):
            ranks = place.spread(key.ranks(values), Image.Resampling.NEAREST)
            colours = _coloured(ranks, _bytes(COLOURS).tobytes())
            shown, hidden = None, Image.new("L", ranks.size, round(self._constant * 255))
        else:
            # Pillow weighs colours by how much there is of them.
            weight = np.maximum(values[..., 3:], 1e-9)
            rgba = np.dstack([values[..., :3] / weight, values[..., 3:]])
            *bands, shown = place.spread(_bytes(np.clip(rgba, 0, 1))).split()
            colours = Image.merge("RGB", bands)
            hidden = shown.point([round(level * self._constant) for level in LEVELS.tolist()])
        if self.style == "heatmap":
            drawn = Image.new("RGB", frame.size)
            drawn.paste(colours, place.corner, shown)
            return drawn
        grey = frame.convert("L").point(UNDERLAY).convert("RGB")
        grey.paste(colours, place.corner, hidden)
        return grey

    @cached_property
    def _palette(self) -> bytes:
        return _bytes(mpl.colormaps[self.colormap](LEVELS / 255)[:, :3]).tobytes()

    @property
    def _constant(self) -> float:
        """How much colours and classes hide."""
        return LAID_OVER if self.opacity is None else self.opacity

    @cached_property
    def _hiding(self) -> list[int]:
        """How much each level hides, from 0 to 255."""
        highest = STRONGEST if self.opacity is None else self.opacity
        share = np.linspace(FAINTEST / STRONGEST, 1, len(LEVELS)) * highest
        return [round(value) for value in (share * 255).tolist()]


class _Place(NamedTuple):
    """Where a map lies on a frame, in pixels: its corner and size; and what of it is seen."""

    corner: tuple[int, int]
    size: tuple[int, int]
    box: tuple[float, float, float, float]

    def spread(
        self, small: NDArray[np.uint8], how: Image.Resampling = Image.Resampling.BICUBIC
    ) -> Image.Image:
        """Scale a map to its place."""
        # Pillow's bicubic is Catmull and Rom's, as in figures; its rounding keeps the range.
        return Image.fromarray(small).resize(self.size, how, box=self.box)


def _place(grid: tuple[int, ...], frame: tuple[int, int], cover: Crop) -> _Place:
    """Find what a map of a grid covers of a frame of (width, height)."""
    width, height = frame
    left, top = (max(0, round(share * side)) for share, side in zip(cover[:2], frame, strict=True))
    right, bottom = (
        min(side, round(share * side)) for share, side in zip(cover[2:], frame, strict=True)
    )
    # The same edges, in the map's own pixels.
    rows, columns = grid
    across = columns / (cover[2] - cover[0])
    down = rows / (cover[3] - cover[1])
    box = (
        max(0.0, (left / width - cover[0]) * across),
        max(0.0, (top / height - cover[1]) * down),
        min(columns, (right / width - cover[0]) * across),
        min(rows, (bottom / height - cover[1]) * down),
    )
    return _Place((left, top), (right - left, bottom - top), box)


def _bytes(shares: NDArray[np.floating]) -> NDArray[np.uint8]:
    levels: NDArray[np.uint8] = np.rint(shares * 255).astype(np.uint8)
    return levels


def _coloured(levels: Image.Image, palette: bytes) -> Image.Image:
    """Give each level its colour."""
    coloured = Image.frombytes("P", levels.size, levels.tobytes())
    coloured.putpalette(palette)
    return coloured.convert("RGB")
