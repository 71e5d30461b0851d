"""One picture of a page that holds several, and what such a page says of its map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitonnx.plots._heads import describe_heads
from vitonnx.plots._rollout import describe_rollout
from vitonnx.plots._scale import Scale
from vitonnx.plots._tile import without_padding
from vitonnx.probes import WHOLE, Crop, HeadsResult, RolloutResult

__all__ = [
    "MOST_PICTURES",
    "SheetEntry",
    "common_scale",
    "describe",
    "map_of",
    "scale_of",
    "unit_of",
]

MOST_PICTURES = 400  # a hundred rows: what an image viewer still opens


class SheetEntry(NamedTuple):
    """One picture of a contact sheet or of a comparison.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        The model's input.
    result : HeadsResult or RolloutResult
        Of that picture.
    file, prediction : str
        For its label.
    inside : (left, top, right, bottom)
        What of the input is picture and not padding, in shares of its sides.
    """

    pixels: NDArray[np.uint8]
    result: HeadsResult | RolloutResult
    file: str
    prediction: str = ""
    inside: Crop = WHOLE


def map_of(result: HeadsResult | RolloutResult) -> NDArray[np.float32]:
    """Give the rollout, or the mean of the heads: (rows, columns)."""
    return np.asarray(result.mean if isinstance(result, HeadsResult) else result.rollout)


def common_scale(maps: Sequence[NDArray[np.float32]], result: HeadsResult | RolloutResult) -> Scale:
    """Make one scale for maps of one kind: see `plot_heads` and `plot_rollout`."""
    values = np.concatenate([values.ravel() for values in maps])
    return Scale.over(values, low=0.0 if isinstance(result, HeadsResult) else float(values.min()))


def scale_of(result: HeadsResult | RolloutResult, inside: Crop = WHOLE) -> Scale:
    """Make the scale of one result: of all its heads, or of its rollout; padding doesn't count.

    Examples
    --------
    >>> scale_of(RolloutResult(rollout=np.array([[0.25, 0.5]], np.float32)))
    Scale(low=0.25, high=0.4987500011920929, clipped=True)
    """
    maps = [*result.attention] if isinstance(result, HeadsResult) else [map_of(result)]
    return common_scale([without_padding(values, inside) for values in maps], result)


def unit_of(result: HeadsResult | RolloutResult) -> str:
    """Name what the colour bar counts."""
    return "attention weight" if isinstance(result, HeadsResult) else "rollout weight"


def describe(result: HeadsResult | RolloutResult) -> list[str]:
    """Say in words what a map shows."""
    if isinstance(result, RolloutResult):
        return describe_rollout(result)
    block, query, *_ = describe_heads(result)
    return ["mean of the heads", block, query]
