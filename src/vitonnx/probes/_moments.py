"""Mean and scatter of the patches' tokens, over any number of pictures: what components are of."""

from __future__ import annotations

from dataclasses import dataclass

import array_api_compat
import numpy as np

from vitonnx.probes._arrays import Array
from vitonnx.probes._option import is_open
from vitonnx.probes._total import Total

__all__ = ["Moments", "token_moments"]


@dataclass(frozen=True, eq=False)
class Moments(Total):
    """First and second moments of vectors, which can be merged.

    Parameters
    ----------
    count : int
        Of pictures.
    samples : float
        Of vectors.
    mean : float64 (dim,)
        Over the vectors.
    scatter : float64 (dim, dim)
        Sum of the outer products of their deviations from the mean.

    References
    ----------
    Chan, Golub & LeVeque 1983, "Algorithms for Computing the Sample Variance", for vectors.

    Examples
    --------
    >>> import numpy as np
    >>> one = Moments.of(token_moments(np.asarray([[0.0, 2.0], [2.0, 2.0]])), pictures=1)
    >>> other = Moments.of(token_moments(np.asarray([[4.0, 5.0]])), pictures=1)
    >>> both = one.merge(other)
    >>> both.samples, both.mean.tolist(), both.scatter.tolist()
    (3.0, [2.0, 3.0], [[8.0, 6.0], [6.0, 6.0]])
    """

    samples: float = 0.0
    mean: Array = float("nan")
    scatter: Array = float("nan")

    @classmethod
    def of(cls, packed: Array, pictures: int) -> Moments:
        """Take what `token_moments` gives for the vectors of some pictures."""
        if is_open(packed):
            xp = array_api_compat.array_namespace(packed)
            numbers = xp.astype(packed, xp.float64)
            return cls(pictures, numbers[0, 0], numbers[1, :], numbers[2:, :])
        numbers = np.asarray(packed, np.float64)
        return cls(pictures, float(numbers[0, 0]), numbers[1, :], numbers[2:, :])

    def _merged(self, other: Moments) -> Moments:
        count, samples = self.count + other.count, self.samples + other.samples
        if not self.samples or not other.samples:
            full = self if self.samples else other
            return Moments(count, full.samples, full.mean, full.scatter)
        share = other.samples / samples
        apart = other.mean - self.mean
        between = apart[:, None] * apart[None, :] * (self.samples * share)
        scatter = self.scatter + other.scatter + between
        return Moments(count, samples, self.mean + apart * share, scatter)


def token_moments(vectors: Array, weights: Array | None = None) -> Array:
    """Boil vectors down to their number, mean and scatter.

    Deviations are from the vectors' own mean, so that single precision is enough.

    Parameters
    ----------
    vectors : (samples, dim)
        Of any number.
    weights : (samples,), optional
        1 for those that count, 0 for others.

    Returns
    -------
    (2 + dim, dim), the input's namespace and dtype
        The number in the first place, and zeros; the mean; the scatter.

    Examples
    --------
    >>> import numpy as np
    >>> token_moments(np.asarray([[0.0, 2.0], [2.0, 2.0]]))
    array([[2., 0.],
           [1., 2.],
           [2., 0.],
           [0., 0.]])
    """
    xp = array_api_compat.array_namespace(vectors)
    if weights is None:
        weights = xp.ones_like(vectors[:, 0])
    number = xp.sum(weights)
    # Of no vector at all the mean is zero.
    share = weights / xp.where(number > 0, number, xp.ones_like(number))
    mean = xp.sum(vectors * share[:, None], axis=0)
    apart = (vectors - mean[None, :]) * weights[:, None]
    first = xp.concat([xp.reshape(number, (1,)), xp.zeros_like(mean[1:])])
    return xp.concat([first[None, :], mean[None, :], xp.matrix_transpose(apart) @ apart])
