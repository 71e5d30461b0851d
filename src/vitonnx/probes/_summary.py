"""Count, mean and standard deviation of any number of results, in one pass and flat memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import array_api_compat

from vitonnx.probes._arrays import Array
from vitonnx.probes._total import Total

__all__ = ["Summary"]


@dataclass(frozen=True, eq=False)
class Summary(Total):
    """Totals of arrays of one shape, one array a picture, which can be merged.

    Two summaries merge into that of both their pictures, so a dataset can be summed up in one
    pass, in batches or on many workers. Merged one by one in the same order, results
    give the same numbers to the last bit; in another order or in parts, the same up to rounding,
    which doesn't grow with the mean.

    Parameters
    ----------
    count : int
        Of pictures.
    mean : float64 array
        Over the pictures; NaN for none.
    squares : float64 array
        Sum of the squared deviations from the mean; NaN for none.

    References
    ----------
    Chan, Golub & LeVeque 1983, "Algorithms for Computing the Sample Variance", which is Welford
    1962 where one of the two is a single picture.

    Examples
    --------
    >>> import numpy as np
    >>> total = Summary()
    >>> for values in ([1.0, 10.0], [2.0, 10.0], [6.0, 10.0]):
    ...     total = total.merge(Summary.of(np.asarray(values)))
    >>> total.count, total.mean.tolist(), total.std.round(3).tolist()
    (3, [3.0, 10.0], [2.16, 0.0])
    """

    mean: Array = float("nan")
    squares: Array = float("nan")

    @classmethod
    def of(cls, values: Array) -> Self:
        """Sum up one picture: its values are the mean, and deviate by nothing."""
        xp = array_api_compat.array_namespace(values)
        mean = xp.astype(values, xp.float64)
        return cls(1, mean, xp.zeros_like(mean))

    @property
    def std(self) -> Array:
        """Standard deviation over the pictures, float64 (ddof 0); NaN for none."""
        return (self.squares / max(self.count, 1)) ** 0.5

    def _merged(self, other: Summary) -> Summary:
        count = self.count + other.count
        difference = other.mean - self.mean
        mean = self.mean + difference * (other.count / count)
        between = difference * difference * (self.count * other.count / count)
        return Summary(count, mean, self.squares + other.squares + between)
