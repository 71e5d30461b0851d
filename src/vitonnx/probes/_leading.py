"""The leading eigenvectors of a covariance, for graphs: ONNX has no decomposition of matrices."""

from __future__ import annotations

import array_api_compat
import numpy as np

from vitonnx.probes._arrays import Array

__all__ = ["leading_eigenvectors"]

# With five vectors more than are asked for, iteration finds a space that holds those: two
# squarings let each of its rounds count for four. In that space, which is small, as many squarings
# as it takes tell them apart, even two variances that differ by a thousandth. Every round is some
# eighty nodes of a graph.
SPARE, SQUARINGS, ROUNDS, SQUARINGS_WITHIN = 5, 2, 10, 14

NOTHING = 1e-300  # a length that divides and is 0 then gives 0


def leading_eigenvectors(covariance: Array, count: int) -> tuple[Array, Array]:
    """Find the directions of the largest variance, by orthogonal iteration.

    The number of rounds is fixed, so that a graph can be traced.

    Parameters
    ----------
    covariance : float64 (dim, dim)
        Symmetric, with no variance below 0.
    count : int
        How many are wanted.

    Returns
    -------
    variances : float64 (count,)
        The largest first.
    vectors : float64 (count, dim)
        Unit vectors; their signs mean nothing.

    References
    ----------
    Golub & Van Loan 2013, "Matrix Computations", section 8.2: orthogonal iteration, and Ritz
    vectors.

    Examples
    --------
    >>> variances, vectors = leading_eigenvectors(np.diag([1.0, 9.0, 0.5, 4.0]), 2)
    >>> variances.round(9).tolist(), np.abs(vectors).round(6).tolist()
    ([9.0, 4.0], [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    """
    xp = array_api_compat.array_namespace(covariance)
    dim = covariance.shape[0]
    power = _powered(covariance, SQUARINGS)
    wanted = min(count + SPARE, dim)
    # Any start will do that is at no right angle to what is sought.
    start = np.random.default_rng(0).standard_normal((dim, wanted))
    found = xp.asarray(start, device=array_api_compat.device(covariance))
    for _ in range(ROUNDS):
        found = _orthonormal(power @ found, wanted)
    # Of directions without variance rounding was left, at no right angles: what follows from others
    # is none.
    found = _orthonormal(found, wanted, least=1e-6)
    within = xp.matrix_transpose(found) @ (covariance @ found)
    variances, vectors = [], []
    for _ in range(count):
        vector = _first_eigenvector(within, wanted)
        variance = xp.sum(vector[:, None] * within * vector[None, :])
        variances.append(variance)
        vectors.append(xp.sum(found * vector[None, :], axis=1))
        within = within - variance * (vector[:, None] * vector[None, :])
    return xp.stack(variances), xp.stack(vectors)


def _powered(matrix: Array, squarings: int) -> Array:
    """Square a matrix again and again, scaled so that no power overflows."""
    xp = array_api_compat.array_namespace(matrix)
    for _ in range(squarings):
        scaled = matrix / (xp.max(xp.abs(matrix)) + NOTHING)
        matrix = scaled @ scaled
    return matrix


def _first_eigenvector(matrix: Array, dim: int) -> Array:
    """Give the eigenvector of a small matrix's largest value: a high power is its outer product."""
    xp = array_api_compat.array_namespace(matrix)
    power = _powered(matrix, SQUARINGS_WITHIN)
    # The column of the largest entry of the diagonal has the most to tell.
    index = xp.arange(dim, device=array_api_compat.device(matrix))
    diagonal = xp.sum(xp.where(index[:, None] == index[None, :], power, 0.0), axis=0)
    chosen = xp.astype(index == xp.argmax(diagonal), power.dtype)
    return _unit(xp.sum(power * chosen[None, :], axis=1))


def _orthonormal(columns: Array, count: int, least: float = 0.0) -> Array:
    """Make columns orthogonal to those before, and of length 1, or of 0 where little is left."""
    xp = array_api_compat.array_namespace(columns)
    found = [_unit(columns[:, 0])]
    for place in range(1, count):
        before, column = xp.stack(found, axis=1), columns[:, place]
        shares = xp.sum(before * column[:, None], axis=0)
        found.append(_unit(column - xp.sum(before * shares[None, :], axis=1), least))
    return xp.stack(found, axis=1)


def _unit(vector: Array, least: float = 0.0) -> Array:
    xp = array_api_compat.array_namespace(vector)
    length = xp.sqrt(xp.sum(vector * vector))
    unit = vector / (length + NOTHING)
    return xp.where(length > least, unit, 0.0) if least else unit
