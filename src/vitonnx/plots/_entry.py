"""One picture of a page, and what was found in it."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.probes import WHOLE, ClassMaps, ColourMaps, Crop, Maps

__all__ = ["MOST_PICTURES", "AnyMaps", "SheetEntry"]

AnyMaps: TypeAlias = Maps | ColourMaps | ClassMaps
"""The shapes of findings that lie on pictures."""

MOST_PICTURES = 400  # a hundred rows: what an image viewer still opens


class SheetEntry(NamedTuple):
    """One picture of a contact sheet or of a comparison.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input.
    maps : Maps, ColourMaps or ClassMaps
        What was found in that picture.
    file, prediction : str
        For its label.
    inside : (left, top, right, bottom)
        The part of the input that is picture and not padding, in shares of its sides.
    """

    pixels: NDArray[np.uint8]
    maps: AnyMaps
    file: str = ""
    prediction: str = ""
    inside: Crop = WHOLE
