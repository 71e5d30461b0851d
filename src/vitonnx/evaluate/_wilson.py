"""How sure a share is that was counted over pictures."""

from __future__ import annotations

import math

from vitonnx.evaluate._bootstrap import Estimate

__all__ = ["wilson_interval"]

Z = 1.959963984540054  # of a normal distribution, 2.5 % lies beyond


def wilson_interval(right: int, count: int) -> Estimate:
    """Estimate the share of all pictures that is right, from some of them: Wilson's interval.

    Unlike the bootstrap, which says the same for many pictures, it needs no more than two counts,
    and holds for few pictures and for shares of 0 and 1.

    Parameters
    ----------
    right, count : int
        Of the pictures that are right, and of all that were asked.

    Returns
    -------
    Estimate
        The share that was counted, and the 95 % interval.

    References
    ----------
    Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference"; Brown, Cai
    & DasGupta 2001, "Interval Estimation for a Binomial Proportion".

    Examples
    --------
    >>> found = wilson_interval(81, 263)  # Wilson's formula in numbers: statsmodels gives the same
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.308, 0.2553, 0.3662)
    """
    share, spread = right / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z * math.sqrt(share * (1 - share) / count + spread / (4 * count)) / (1 + spread)
    # Rounding must not take the ends beyond what can be, nor the share out of its interval.
    return Estimate(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))
