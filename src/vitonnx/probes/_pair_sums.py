"""Sums from which linear CKA follows exactly, in whatever parts the samples were counted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from vitonnx.probes._arrays import Array
from vitonnx.probes._total import Total

__all__ = ["Hsics", "PairSums", "Pairs", "all_pairs", "batch_hsics", "pack_sums", "unbiased_hsic"]

Pairs = Sequence[tuple[int, int]]
"""Which items are compared: pairs of their numbers in order, each item with itself among them."""

FEWEST = 4  # samples that the unbiased estimator needs


def all_pairs(items: int) -> list[tuple[int, int]]:
    """List every pair of items once, each with itself too.

    Examples
    --------
    >>> all_pairs(2)
    [(0, 0), (0, 1), (1, 1)]
    """
    return [(one, other) for one in range(items) for other in range(one, items)]


def unbiased_hsic(
    samples: Array, product: Array, lengths: Array, spread: Array, other_spread: Array
) -> Array:
    """Estimate HSIC with linear kernels, without bias, from sums about the samples' mean.

    Parameters
    ----------
    samples : number
        How many there are, at least four.
    product : number or array
        Squared Frobenius norm of the sum of x yᵀ.
    lengths : as `product`
        Sum of |x|² |y|².
    spread, other_spread : as `product`
        Sums of |x|² and of |y|².

    References
    ----------
    Song et al. 2012, "Feature Selection via Dependence Maximization", equation 5, of which kernels
    are products: it doesn't depend on where the origin is, and the mean makes some of its sums
    vanish.

    Examples
    --------
    >>> x = np.asarray([[0.0], [1.0], [2.0], [5.0]]) - 2.0
    >>> squares = np.sum(x**2)
    >>> float(unbiased_hsic(4, squares**2, np.sum(x**4), squares, squares).round(6))
    8.166667
    """
    ends = spread * other_spread / ((samples - 1) * (samples - 2))
    return (product - lengths + ends - 2 * lengths / (samples - 2)) / (samples * (samples - 3))


@dataclass(frozen=True, eq=False)
class PairSums(Total):
    """What unbiased HSIC needs of pairs of items, such as blocks, over samples that they share.

    All are about the mean of the samples, which moves when two merge. That loses nothing: the sums
    about any other point follow from these.

    Parameters
    ----------
    count : int
        Of pictures.
    samples : float
        Of vectors in each item.
    pairs : int64 (pairs, 2)
        The items of each pair.
    mean : float64 (items, dim)
        Of each item's vectors.
    products : float64 (pairs, dim, dim)
        Sum of x yᵀ, of each pair.
    lengths : float64 (pairs,)
        Sum of |x|² |y|².
    weighted : float64 (pairs, 2, dim)
        Sums of |y|² x and of |x|² y.
    """

    samples: float = 0.0
    pairs: Array = float("nan")
    mean: Array = float("nan")
    products: Array = float("nan")
    lengths: Array = float("nan")
    weighted: Array = float("nan")

    @classmethod
    def of(cls, packed: Array, pictures: int, pairs: Pairs) -> PairSums:
        """Take what `pack_sums` gives for the samples of some pictures."""
        numbers = np.asarray(packed, np.float64)
        items = 1 + max(other for _, other in pairs)
        stripes = _stripes(pairs)
        blocks = sum(len(stripe.rows) * len(stripe.columns) for stripe in stripes)
        dim = next(
            dim for dim in range(1, len(numbers)) if _size(dim, items, blocks) == len(numbers)
        )
        sizes = [1, items * dim, items * items, items * items * dim]
        samples, mean, lengths, weighted, rest = np.split(numbers, np.cumsum(sizes))
        lengths, weighted = lengths.reshape(items, items), weighted.reshape(items, items, dim)
        products = np.empty((len(pairs), dim, dim))
        places = {pair: place for place, pair in enumerate(pairs)}
        for stripe in stripes:
            sides = (len(stripe.rows), dim, len(stripe.columns), dim)
            found, rest = rest[: np.prod(sides)].reshape(sides), rest[np.prod(sides) :]
            for row, column, pair in stripe.places():
                if pair in places:
                    products[places[pair]] = found[row, :, column, :]
        first, second = np.asarray(pairs).T
        return cls(
            pictures,
            float(samples[0]),
            np.asarray(pairs),
            mean.reshape(items, dim),
            products,
            lengths[first, second],
            # Sum of |y|² x is that of the second's lengths and the first's vectors.
            np.stack([weighted[second, first], weighted[first, second]], axis=1),
        )

    @classmethod
    def of_parts(cls, count: int, parts: dict[str, Any]) -> PairSums:
        """Make one again of what `parts` gave: its pairs are whole numbers."""
        return cls(count, **{**parts, "pairs": np.asarray(parts["pairs"]).astype(np.int64)})

    def _merged(self, other: PairSums) -> PairSums:
        samples = self.samples + other.samples
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.samples / samples)
        parts = [part._about(mean) for part in (self, other)]
        products = self.products + other.products
        # One after the other: all pairs together are the largest thing in memory.
        between = self.samples * other.samples / samples
        for place, (one, two) in enumerate(self.pairs.tolist()):
            products[place] += between * np.outer(apart[one], apart[two])
        return PairSums(
            self.count + other.count,
            samples,
            self.pairs,
            mean,
            products,
            parts[0][0] + parts[1][0],
            parts[0][1] + parts[1][1],
        )

    @property
    def spreads(self) -> Array:
        """Sum of |x|² of each item: float64 (items,)."""
        found = np.zeros(len(self.mean))
        for place, (one, other) in enumerate(self.pairs.tolist()):
            if one == other:
                found[one] = np.trace(self.products[place])
        return found

    def _about(self, point: Array) -> tuple[Array, Array]:
        """Give `lengths` and `weighted` about another point than the mean: of x - shift."""
        shift, first, second = point - self.mean, self.pairs[:, 0], self.pairs[:, 1]
        one, other = shift[first], shift[second]  # (pairs, dim)
        n, spreads = self.samples, self.spreads
        a, b = spreads[first], spreads[second]
        one_square, other_square = (np.sum(each * each, axis=1) for each in (one, other))
        # Sums of x (y · shift of y), and of y (x · shift of x).
        across = (self.products @ other[:, :, None])[:, :, 0]
        back = (one[:, None, :] @ self.products)[:, 0, :]
        of_x, of_y = self.weighted[:, 0], self.weighted[:, 1]
        lengths = (
            self.lengths
            - 2 * np.sum(other * of_y, axis=1)
            - 2 * np.sum(one * of_x, axis=1)
            + 4 * np.sum(one * across, axis=1)
            + other_square * a
            + one_square * b
            + n * one_square * other_square
        )
        of_x = of_x - 2 * across - one * (b + n * other_square)[:, None]
        of_y = of_y - 2 * back - other * (a + n * one_square)[:, None]
        return lengths, np.stack([of_x, of_y], axis=1)

    @property
    def hsics(self) -> Array:
        """Unbiased HSIC of each pair: float64 (pairs,)."""
        spreads = self.spreads
        return np.asarray(
            unbiased_hsic(
                self.samples,
                np.sum(self.products * self.products, axis=(1, 2)),
                self.lengths,
                spreads[self.pairs[:, 0]],
                spreads[self.pairs[:, 1]],
            )
        )


@dataclass(frozen=True, eq=False)
class Hsics(Total):
    """HSIC of pairs, averaged over minibatches.

    Parameters
    ----------
    count : int
        Of pictures.
    batches : float
        Of minibatches with at least four samples.
    pairs : int64 (pairs, 2)
        The items of each pair.
    sums : float64 (pairs,)
        Sum over these minibatches.

    References
    ----------
    Nguyen, Raghu & Kornblith 2021, "Do Wide and Deep Networks Learn the Same Things?",
    arXiv:2010.15327, section 3.
    """

    batches: float = 0.0
    pairs: Array = float("nan")
    sums: Array = float("nan")

    @classmethod
    def of(cls, packed: Array, pictures: int, pairs: Pairs) -> Hsics:
        """Take what `batch_hsics` gives for one minibatch."""
        samples, *rest = np.asarray(packed, np.float64).tolist()
        if samples < FEWEST:
            return cls(pictures, 0.0, np.asarray(pairs), np.zeros(len(pairs)))
        places = [pair for stripe in _stripes(pairs) for *_, pair in stripe.places()]
        of_pair = dict(zip(places, rest, strict=True))
        return cls(pictures, 1.0, np.asarray(pairs), np.asarray([of_pair[pair] for pair in pairs]))

    @classmethod
    def of_parts(cls, count: int, parts: dict[str, Any]) -> Hsics:
        """Make one again of what `parts` gave: its pairs are whole numbers."""
        return cls(count, **{**parts, "pairs": np.asarray(parts["pairs"]).astype(np.int64)})

    def _merged(self, other: Hsics) -> Hsics:
        return Hsics(
            self.count + other.count,
            self.batches + other.batches,
            self.pairs,
            self.sums + other.sums,
        )

    @property
    def samples(self) -> float:
        """How many samples the estimate stands on, as far as its being possible goes."""
        return FEWEST * self.batches

    @property
    def hsics(self) -> Array:
        """Mean of each pair: float64 (pairs,)."""
        return self.sums / self.batches


def pack_sums(items: Array, pairs: Pairs) -> Array:
    """Boil items down to the sums of pairs: see `PairSums.of`.

    Parameters
    ----------
    items : (items, samples, dim)
        Of the same samples.
    pairs : sequence of (int, int)
        Which of them are compared.

    Returns
    -------
    (1, numbers), the input's namespace and dtype
        The number of samples; each item's mean; for every two items the sum of |x|² |y|², and of
        |x|² y; and products of vectors, in stripes of a few items with several others.

    Examples
    --------
    >>> x = np.asarray([[0.0], [1.0], [2.0], [5.0]])
    >>> PairSums.of(pack_sums(x[None], [(0, 0)])[0], 4, [(0, 0)]).products.tolist()
    [[[14.0]]]
    """
    xp = array_api_compat.array_namespace(items)
    number, mean, centred, squares, beside = _about_mean(items)
    lengths = squares @ xp.matrix_transpose(squares)
    parts = [number, mean, lengths, squares @ beside]
    for stripe in _stripes(pairs):
        parts.append(stripe.products(beside, centred.shape[2]))
    # Not along the first axis, where ONNX's inference of shapes would follow every single number.
    return xp.concat([xp.reshape(part, (1, -1)) for part in parts], axis=1)


def batch_hsics(items: Array, pairs: Pairs) -> Array:
    """Boil items down to the unbiased HSIC of pairs: see `Hsics.of`.

    Parameters
    ----------
    items, pairs
        As in `pack_sums`.

    Returns
    -------
    (1, numbers), the input's namespace and dtype
        The number of samples; and HSIC in stripes, which is of no meaning for fewer than four.
    """
    xp = array_api_compat.array_namespace(items)
    number, _, centred, squares, beside = _about_mean(items)
    dim = centred.shape[2]
    enough = xp.where(number < FEWEST, xp.ones_like(number) * FEWEST, number)
    spreads = xp.sum(squares, axis=1)
    lengths = squares @ xp.matrix_transpose(squares)
    parts = [number]
    for stripe in _stripes(pairs):
        sides = (len(stripe.rows), dim, len(stripe.columns), dim)
        products = xp.reshape(stripe.products(beside, dim), sides)
        of_rows = _taken(spreads, stripe.rows)[:, None]
        hsics = unbiased_hsic(
            enough,
            xp.sum(products * products, axis=(1, 3)),
            xp.matrix_transpose(
                _taken(xp.matrix_transpose(_taken(lengths, stripe.rows)), stripe.columns)
            ),
            of_rows,
            _taken(spreads, stripe.columns)[None, :],
        )
        parts.append(hsics)
    return xp.concat([xp.reshape(part, (1, -1)) for part in parts], axis=1)


class _Stripe(NamedTuple):
    """Items, and all others that some of them are compared with: one product serves them all."""

    rows: list[int]
    columns: list[int]

    def places(self) -> Iterator[tuple[int, int, tuple[int, int]]]:
        """Give every row and column, with the pair that it is."""
        for row, one in enumerate(self.rows):
            for column, other in enumerate(self.columns):
                yield row, column, (one, other)

    def products(self, beside: Array, dim: int) -> Array:
        """Give the sums of x yᵀ, of vectors side by side: (rows * dim, columns * dim)."""
        xp = array_api_compat.array_namespace(beside)
        rows, columns = (_taken(beside, some, dim, axis=1) for some in self)
        return xp.matrix_transpose(rows) @ columns


STRIPE = 3  # items: more compute pairs that nobody asks for, fewer make small products


def _stripes(pairs: Pairs) -> list[_Stripe]:
    """Gather pairs in stripes."""
    firsts = sorted({one for one, _ in pairs})
    stripes = []
    for start in range(0, len(firsts), STRIPE):
        rows = firsts[start : start + STRIPE]
        stripes.append(_Stripe(rows, sorted({other for one, other in pairs if one in rows})))
    return stripes


def _about_mean(items: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Give the number of samples, the means, vectors about them, and their squared lengths.

    The last are the vectors side by side: (samples, items * dim).
    """
    xp = array_api_compat.array_namespace(items)
    count, _, dim = items.shape
    number = xp.sum(xp.ones_like(items[0, :, 0]))
    mean = xp.sum(items, axis=1) / number
    centred = items - mean[:, None, :]
    squares = xp.sum(centred * centred, axis=2)
    beside = xp.reshape(xp.permute_dims(centred, (1, 0, 2)), (-1, count * dim))
    return number, mean, centred, squares, beside


def _taken(array: Array, numbers: list[int], width: int = 1, *, axis: int = 0) -> Array:
    """Take some items of an array, each so wide, by as few slices as there are runs of them."""
    parts = []
    for _, run in itertools.groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        (_, first), *rest = run
        some = slice(first * width, (first + 1 + len(rest)) * width)
        parts.append(array[some, ...] if axis == 0 else array[:, some])
    xp = array_api_compat.array_namespace(array)
    return parts[0] if len(parts) == 1 else xp.concat(parts, axis=axis)


def _size(dim: int, items: int, blocks: int) -> int:
    return 1 + items * dim + items * items * (1 + dim) + blocks * dim * dim
