"""One picture of a page that holds several, and the scale of its maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitonnx.plots._scale import Scale
from vitonnx.plots._tile import without_padding
from vitonnx.probes import WHOLE, Crop, Maps

__all__ = ["MOST_PICTURES", "SheetEntry", "common_scale", "describe", "parts_of", "scale_of"]

MOST_PICTURES = 400  # a hundred rows: what an image viewer still opens


class SheetEntry(NamedTuple):
    """One picture of a contact sheet or of a comparison.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input.
    maps : Maps
        What was found in that picture.
    file, prediction : str
        For its label.
    inside : (left, top, right, bottom)
        The part of the input that is picture and not padding, in shares of its sides.
    """

    pixels: NDArray[np.uint8]
    maps: Maps
    file: str
    prediction: str = ""
    inside: Crop = WHOLE

    @property
    def main(self) -> NDArray[np.float32]:
        """The map that stands for all: (rows, columns)."""
        return np.asarray(self.maps.values[0])


def parts_of(maps: Maps) -> NDArray[np.float32]:
    """Give the parts of maps, or, where there are none, the one map: (parts, rows, columns)."""
    values = np.asarray(maps.values)
    return values[1:] if len(values) > 1 else values


def common_scale(values: Iterable[NDArray[np.float32]], maps: Maps) -> Scale:
    """Make one scale for arrays of one kind of maps, without their padding.

    Attention begins at 0; where `Maps.from_zero` says otherwise, at the lowest value.
    """
    all_values = np.concatenate([each.ravel() for each in values])
    return Scale.over(all_values, low=0.0 if maps.from_zero else float(all_values.min()))


def scale_of(maps: Maps, inside: Crop = WHOLE) -> Scale:
    """Make the scale of one picture's maps: that of its parts; padding doesn't count.

    Examples
    --------
    >>> values = np.array([[[0.25, 0.5]]], np.float32)
    >>> scale_of(Maps(values=values, labels=("rollout",), unit="weight", from_zero=False))
    Scale(low=0.25, high=0.4987500011920929, clipped=True)
    """
    return common_scale([without_padding(parts_of(maps), inside)], maps)


def describe(maps: Maps, *, alone: bool) -> list[str]:
    """Say in words what is shown: of a picture alone all maps and outlines, else the main map."""
    if alone:
        return [*maps.details, maps.outlined and f"outlined: {maps.outlined}"]
    main: Sequence[str] = maps.labels[:1] if len(maps.labels) > 1 else ()
    return [*main, *maps.details]
