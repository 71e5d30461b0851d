"""The three ways from values to colours: of the whole video, of each frame, or fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from vitonnx.plots import Scale, scale_of_stream
from vitonnx.video._maps import FrameMaps

__all__ = ["EVEN_SHARES", "Scaling", "scaling_by_frame", "scaling_of_video", "scaling_to_fixed"]

Scaling: TypeAlias = Callable[[FrameMaps], list[Scale]]
"""Gives the scales of one frame's maps, one for each model."""

# Where an even share of the attention is 1, what is looked at has some 5 to 50.
EVEN_SHARES = 10


def scaling_of_video(
    read: Callable[[], Iterable[FrameMaps]], *, models: int, from_zero: bool
) -> Scaling:
    """Give each model one scale for all frames.

    Parameters
    ----------
    read : callable
        Gives the maps of all frames, each time it is called.
    models : int
        How many.
    from_zero : bool
        Whether scales begin at 0; else at the lowest value that there is.
    """

    def of_model(model: int) -> Scale:
        low = 0.0 if from_zero else None
        return scale_of_stream(lambda: (maps[model] for maps in read()), low=low)

    scales = [of_model(model) for model in range(models)]
    return lambda maps: scales


def scaling_by_frame(*, from_zero: bool) -> Scaling:
    """Give each model a scale for each frame."""
    return lambda maps: [
        Scale.over(model, low=0.0 if from_zero else float(model.min())) for model in maps
    ]


def scaling_to_fixed(patches: Iterable[int]) -> Scaling:
    """Give each model a scale that depends on nothing but its number of patches."""
    scales = [Scale(low=0.0, high=EVEN_SHARES / count, clipped=True) for count in patches]
    return lambda maps: scales
