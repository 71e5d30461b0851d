"""How sure a mean over pictures is, and whatever is made of such means: the bootstrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Estimate", "bootstrap_interval", "resampled_means"]

AT_ONCE = 500  # resamples: their indices are held at a time


def bootstrap_interval(
    values: NDArray[np.floating], *, share: float = 0.95, resamples: int = 10_000, seed: int = 0
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
    return _middle(resampled_means(values, resamples=resamples, seed=seed), share)


def resampled_means(
    values: NDArray[np.floating], *, resamples: int = 10_000, seed: int = 0
) -> NDArray[np.float64]:
    """Draw pictures with replacement, as many as there are, again and again, and take their means.

    Parameters
    ----------
    values : (pictures, ...)
        Numbers of each picture; those of one picture are drawn together.
    resamples, seed : int
        As in `bootstrap_interval`.

    Returns
    -------
    float64 (resamples, ...)
    """
    generator = np.random.default_rng(seed)
    values = np.asarray(values, np.float64)
    means = np.empty((resamples, *values.shape[1:]))
    for start in range(0, resamples, AT_ONCE):
        count = min(AT_ONCE, resamples - start)
        drawn = generator.integers(len(values), size=(count, len(values)))
        means[start : start + count] = values[drawn].mean(axis=1)
    return means


@dataclass(frozen=True)
class Estimate:
    """A number found on some pictures, and its 95 % interval: of the bootstrap, or Wilson's.

    Parameters
    ----------
    value, low, high : float
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(
        cls,
        values: NDArray[np.float64],
        statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]] = lambda means: means,
    ) -> Self:
        """Estimate a mean, or what a statistic makes of several means.

        Parameters
        ----------
        values : float64 (pictures, ...)
            Numbers of each picture.
        statistic : callable
            From means, (any number, ...), to numbers, (any number,).
        """
        (value,) = statistic(np.asarray(values, np.float64).mean(axis=0)[None, ...])
        return cls(float(value), *_middle(statistic(resampled_means(values))))


def _middle(numbers: NDArray[np.float64], share: float = 0.95) -> tuple[float, float]:
    low, high = np.quantile(numbers, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)
