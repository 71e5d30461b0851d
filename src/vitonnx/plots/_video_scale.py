"""A scale for more maps than fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from vitonnx.plots._scale import TOP_PERCENTILE, Scale

__all__ = ["scale_of_stream"]

BINS = 2**16  # a percentile is right to a 65,536th of the range of values


def scale_of_stream(
    read: Callable[[], Iterable[NDArray[np.floating]]], *, low: float | None
) -> Scale:
    """Make the scale that `Scale.over` makes, of arrays that are read one at a time.

    Parameters
    ----------
    read : callable
        Gives the arrays, each time it is called: once for their range, once for how often each
        value is in them.
    low : float or None
        Value of the first colour; None is the lowest there is.

    Returns
    -------
    Scale

    Examples
    --------
    >>> scale = scale_of_stream(lambda: np.split(np.linspace(0, 1, 1001), 7), low=0)
    >>> round(scale.high, 3), scale.clipped
    (0.995, True)
    """
    lowest, highest = np.inf, -np.inf
    for values in read():
        lowest, highest = min(lowest, float(values.min())), max(highest, float(values.max()))
    first = lowest if low is None else low
    if highest <= lowest:
        return Scale.over(np.array([lowest]), low=first)
    counts = np.zeros(BINS, np.int64)
    for values in read():
        counts += np.histogram(values, BINS, (lowest, highest))[0]
    reached = np.cumsum(counts) >= TOP_PERCENTILE / 100 * counts.sum()
    top = lowest + (int(reached.argmax()) + 1) / BINS * (highest - lowest)
    if top <= first:
        top = max(highest, first + 1e-9)
    return Scale(low=first, high=top, clipped=highest > top)
