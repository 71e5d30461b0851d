"""Confidence interval of a mean, by the bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bootstrap_interval"]

AT_ONCE = 500  # resamples: their indices are held at a time


def bootstrap_interval(
    values: NDArray[np.floating],
    *,
    share: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Find the interval that holds the mean of a share of all resamples: the percentile bootstrap.

    Parameters
    ----------
    values : (pictures,)
        One number per picture.
    share : float in (0, 1)
        Share of the resampled means inside the interval; equal shares are below and above it.
    resamples : int
        Drawn with replacement, each as many as there are values.
    seed : int
        Seed of NumPy's PCG64 generator.

    Returns
    -------
    low, high : float

    References
    ----------
    Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13.

    Examples
    --------
    >>> low, high = bootstrap_interval(np.repeat([0.0, 1.0], 50))
    >>> round(low, 2), round(high, 2)
    (0.4, 0.6)
    """
    generator = np.random.default_rng(seed)
    values = np.asarray(values, np.float64)
    means = np.empty(resamples)
    for start in range(0, resamples, AT_ONCE):
        count = min(AT_ONCE, resamples - start)
        drawn = generator.integers(len(values), size=(count, len(values)))
        means[start : start + count] = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
