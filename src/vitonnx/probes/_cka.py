"""The probe ``cka``: how alike the blocks of a model are, or those of two."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, TypeAlias

import array_api_compat
import numpy as np

from vitonnx.contract import tokens_name
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._adding import PairProbe, SumProbe
from vitonnx.probes._arrays import Array
from vitonnx.probes._finding import Finding, Matrix
from vitonnx.probes._option import option
from vitonnx.probes._pair_sums import (
    FEWEST,
    Hsics,
    Pairs,
    PairSums,
    all_pairs,
    batch_hsics,
    pack_sums,
)
from vitonnx.probes._probe import GraphProbe, Queries
from vitonnx.probes._result import PictureResult

__all__ = ["CKA", "linear_cka"]

Tokens = Literal["cls", "patches"]
PairTotal: TypeAlias = PairSums | Hsics

MOST_BYTES = 2**30  # of the sums of all pairs: 24 blocks of 668 numbers, or 12 of 1,311


def linear_cka(hsics: Array, pairs: Pairs) -> dict[tuple[int, int], float]:
    """Divide HSIC of pairs by that of each item with itself.

    Parameters
    ----------
    hsics : (pairs,)
        Of each pair.
    pairs : sequence of (int, int)
        Each item with itself must be among them.

    Returns
    -------
    dict of (int, int) to float
        1 for an item with itself; NaN where an item is the same in all samples.

    References
    ----------
    Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited",
    arXiv:1905.00414, with the unbiased estimator of Song et al. 2012.

    Examples
    --------
    >>> linear_cka(np.asarray([4.0, 3.0, 9.0]), [(0, 0), (0, 1), (1, 1)])[0, 1]
    0.5
    """
    of_pair = dict(zip(map(tuple, pairs), np.asarray(hsics).tolist(), strict=True))
    own = {one: value for (one, other), value in of_pair.items() if one == other}
    return {
        (one, other): value / (own[one] * own[other]) ** 0.5
        if min(own[one], own[other]) > 0
        else float("nan")
        for (one, other), value in of_pair.items()
    }


@dataclass(frozen=True)
class CKA(SumProbe[Any]):
    """Linear centred kernel alignment between blocks, over pictures.

    It compares what two blocks hold whatever the direction and the scale that they hold it in: 1
    for the same, 0 for nothing in common. HSIC is estimated without bias, from sums that are exact
    however the pictures were cut into batches. Where the sums of all pairs would take more than 1
    GiB, it is averaged over the engine's batches instead, as minibatches.

    Parameters
    ----------
    tokens : "cls", "patches" or None
        A sample is the class token of a picture, or each of its patches. None takes the class token
        where there is one.
    blocks : tuple of int or None
        Compare these alone: 0 is the first block, -1 the last.

    References
    ----------
    Raghu et al. 2021, arXiv:2108.08810, section 3. Nguyen, Raghu & Kornblith 2021,
    arXiv:2010.15327, for minibatches.

    Examples
    --------
    >>> vit = Layout(grid=(1, 1), patch_size=16, prefix_tokens=("cls",), blocks=2, heads=3, dim=5)
    >>> x = np.random.default_rng(0).normal(size=(7, 2, 5)).astype(np.float32)
    >>> tokens = {"block_00/tokens": x, "block_01/tokens": 3 * x[..., ::-1]}  # turned and scaled
    >>> total = CKA().total(CKA().condense(tokens, vit, None), 7, vit)
    >>> CKA().finding_of(total, vit).values.round(6).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """

    name: ClassVar[str] = "cka"
    help: ClassVar[str] = "Compare what blocks hold, of one model or of two, over many pictures."
    purpose: ClassVar[str] = (
        "See which blocks hold much the same: a bright square is a stage of the network, within "
        "which little changes."
    )
    example: ClassVar[str] = "--tokens patches"
    gives = Matrix

    tokens: Tokens | None = option(
        None,
        "Compare class tokens or patches. By default, class tokens where the model has them.",
    )
    blocks: tuple[int, ...] | None = None

    def narrowed(self, blocks: Iterable[int]) -> CKA:
        """Give the probe of some blocks alone."""
        return replace(self, blocks=tuple(blocks))

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the outputs that are read: the residual stream after each block.

        Raises
        ------
        UsageError
            If there is no such block, or no class token.
        """
        if self.tokens == "cls" and layout.class_token is None:
            raise UsageError("the model has no class token: compare patches (--tokens patches).")
        return tuple(tokens_name(block) for block in self.blocks_of(layout))

    def blocks_of(self, layout: Layout) -> list[int]:
        """List the blocks that are compared."""
        chosen = range(layout.blocks) if self.blocks is None else self.blocks
        return sorted({layout.block(block) for block in chosen})

    def _pairs(self, layout: Layout) -> list[tuple[int, int]]:
        return all_pairs(len(self.blocks_of(layout)))

    def of_class(self, layout: Layout) -> bool:
        """Tell whether class tokens are compared."""
        return self.tokens != "patches" and layout.class_token is not None

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that exact sums take."""
        return 8 * len(self._pairs(layout)) * layout.dim**2

    def nothing(self, layout: Layout) -> PairTotal:
        """Give the sums of no picture, exact or not."""
        return PairSums() if self.is_exact(layout) else Hsics()

    def is_exact(self, layout: Layout) -> bool:
        """Tell whether sums fit into memory, so that HSIC is that of all pictures at once."""
        return self.bytes_of(layout) <= MOST_BYTES

    def advice(self, layout: Layout) -> str | None:
        """Say so where it is averaged over minibatches."""
        if self.is_exact(layout):
            return None
        return _too_much(self.bytes_of(layout))

    def samples(self, outputs: Mapping[str, Array], layout: Layout) -> Array:
        """Take what is compared of each block: (blocks, batch, samples of a picture, dim)."""
        tokens = [outputs[name] for name in self.reads(layout)]
        xp = array_api_compat.array_namespace(*tokens)
        first, count = layout.prefix, layout.patches
        if layout.class_token is not None and self.of_class(layout):
            first, count = layout.class_token, 1
        found = xp.stack([each[:, first : first + count, :] for each in tokens])
        # A few samples, of which early blocks hold nearly the same in all pictures.
        return xp.astype(found, xp.float64) if count == 1 else found

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give (1, numbers): `pack_sums` of the batch, or `batch_hsics` where that is too much."""
        pack = pack_sums if self.is_exact(layout) else batch_hsics
        samples = self.samples(outputs, layout)
        xp = array_api_compat.array_namespace(samples)
        items = xp.reshape(samples, (samples.shape[0], -1, samples.shape[3]))
        return pack(items, self._pairs(layout))

    def total(self, condensed: Array, pictures: int, layout: Layout) -> PairTotal:
        """Take the sums of a batch."""
        kind = PairSums if self.is_exact(layout) else Hsics
        parts = [
            kind.of(condensed[part, ...], 1, self._pairs(layout))
            for part in range(condensed.shape[0])
        ]
        return replace(functools.reduce(kind.merge, parts), count=pictures)

    def summary(self, results: Sequence[Any] = ()) -> PairTotal:
        """Give the sums of no picture."""
        return PairSums()

    def finding_of(self, total: PairTotal, layout: Layout) -> Matrix:
        """Give CKA of every two blocks.

        Raises
        ------
        UsageError
            If there are fewer than four samples.
        """
        blocks = self.blocks_of(layout)
        values = np.empty((len(blocks), len(blocks)))
        for (one, other), value in _alignments(total).items():
            values[one, other] = values[other, one] = value
        return self.matrix(values, total, layout)

    def matrix(self, values: Array, total: PairTotal, layout: Layout) -> Matrix:
        """Give values as a finding, with what they are of."""
        whose = "class tokens" if self.of_class(layout) else "patches"
        kind = "exact sums" if isinstance(total, PairSums) else "mean over minibatches"
        return Matrix(
            values=values,
            unit="linear CKA",
            item="block",
            labels=tuple(map(str, self.blocks_of(layout))),
            other_labels=tuple(map(str, self.blocks_of(layout))),
            details=(f"pictures: {total.count}", whose, f"unbiased HSIC, {kind}"),
            bounds=(0.0, 1.0),
        )

    def between(self, one: Layout, other: Layout) -> PairCKA:
        """Compare the blocks of one model with those of another.

        Raises
        ------
        UsageError
            If patches are compared, and the models have others.
        """
        return PairCKA(self, one, other)

    def check(self, total: PairTotal, layout: Layout) -> None:
        """Raise a ValueError for sums that no tokens of the model have."""
        check_sums(total, self._pairs(layout), layout.dim)


@dataclass(frozen=True, eq=False, kw_only=True)
class BlockTokensResult(PictureResult):
    """The tokens of blocks, float (blocks, samples, dim), in one picture."""

    tokens: Array

    @property
    def finding(self) -> Finding:
        """Raise a UsageError: tokens alone are no figure."""
        raise UsageError("tokens are drawn by pca and similarity, and compared by cka.")


@dataclass(frozen=True)
class BlockTokens(GraphProbe[BlockTokensResult]):
    """The tokens that `CKA` compares: what each of two models is asked."""

    name: ClassVar[str] = "cka"
    gives = Matrix

    of: CKA = CKA()

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the outputs that are read."""
        return self.of.reads(layout)

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give (batch, blocks, samples, dim)."""
        samples = self.of.samples(outputs, layout)
        return array_api_compat.array_namespace(samples).permute_dims(samples, (1, 0, 2, 3))

    def result(self, condensed: Array, layout: Layout, query: int | None) -> BlockTokensResult:
        """Make the result of one picture."""
        return BlockTokensResult(tokens=condensed)


class PairCKA(PairProbe[PairTotal]):
    """CKA between the blocks of two models: see `CKA.between`."""

    def __init__(self, cka: CKA, one: Layout, other: Layout) -> None:
        self.cka, self.layouts = cka, (one, other)
        if cka.of_class(one) != cka.of_class(other):
            raise UsageError(
                "one of the models has a class token, and the other has none: compare patches "
                "(--tokens patches)."
            )
        if not cka.of_class(one) and one.grid != other.grid:
            grids = " and ".join(f"{rows}x{columns}" for rows, columns in (one.grid, other.grid))
            raise UsageError(
                f"the models have {grids} patches, which are not the same samples: give --size, "
                "or compare class tokens (--tokens cls)."
            )
        self.part = BlockTokens(cka)
        self.counts = tuple(len(cka.reads(layout)) for layout in self.layouts)
        pairs = [
            *((item, item) for item in range(sum(self.counts))),
            *(
                (block, self.counts[0] + of_other)
                for block in range(self.counts[0])
                for of_other in range(self.counts[1])
            ),
        ]
        self.pairs = sorted(pairs)
        # What is narrower has zeros behind it, which add nothing to any sum.
        self.dim = max(one.dim, other.dim)

    @property
    def is_exact(self) -> bool:
        """Whether the sums fit into memory."""
        return self.bytes_of(self.layouts[0]) <= MOST_BYTES

    def advice(self) -> str | None:
        """Say so where it is averaged over minibatches."""
        return None if self.is_exact else _too_much(self.bytes_of(self.layouts[0]))

    def total(self, one: Sequence[Any], other: Sequence[Any]) -> PairTotal:
        """Sum up the tokens of both, of the same pictures."""
        items = []
        for results in (one, other):
            tokens = np.concatenate([np.asarray(each.tokens, np.float64) for each in results], 1)
            items.append(np.pad(tokens, [(0, 0), (0, 0), (0, self.dim - tokens.shape[-1])]))
        if items[0].shape[1] != items[1].shape[1]:
            raise UsageError(
                "the models see these pictures in other numbers of patches, which are not the same "
                "samples: give --size, or compare class tokens (--tokens cls)."
            )
        both = np.concatenate(items)
        if self.is_exact:
            return PairSums.of(pack_sums(both, self.pairs)[0], len(one), self.pairs)
        return Hsics.of(batch_hsics(both, self.pairs)[0], len(one), self.pairs)

    def finding_of(self, total: PairTotal, one: str, other: str) -> Matrix:
        """Give CKA of each block of one with each of the other."""
        values = np.empty(self.counts)
        for (block, item), value in _alignments(total).items():
            if block < self.counts[0] <= item:
                values[block, item - self.counts[0]] = value
        found = self.cka.matrix(values, total, self.layouts[0])
        others = tuple(map(str, self.cka.blocks_of(self.layouts[1])))
        return replace(
            found, item=f"block of {one}", other=f"block of {other}", other_labels=others
        )

    def nothing(self, layout: Layout) -> PairTotal:
        """Give the sums of no picture."""
        return PairSums() if self.is_exact else Hsics()

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that exact sums take."""
        return 8 * len(self.pairs) * self.dim**2

    def check(self, total: PairTotal, layout: Layout) -> None:
        """Raise a ValueError for sums that no tokens of the models have."""
        check_sums(total, self.pairs, self.dim)


def _too_much(size: int) -> str:
    return (
        f"the sums of all pairs of blocks would take {size / 1e9:.1f} GB: CKA is averaged over "
        "minibatches (Nguyen et al. 2021). Choose fewer blocks (--block) for exact sums."
    )


def check_sums(total: PairTotal, pairs: Pairs, dim: int) -> None:
    """Raise a ValueError for sums of other pairs, or of another width."""
    if not np.array_equal(total.pairs, pairs):
        raise ValueError("pairs of other blocks")
    sides = {
        "samples": (),
        "mean": (1 + max(other for _, other in pairs), dim),
        "products": (len(pairs), dim, dim),
        "lengths": (len(pairs),),
        "weighted": (len(pairs), 2, dim),
        "sums": (len(pairs),),
    }
    for name, part in total.parts().items():
        if name in sides and np.shape(part) != sides[name]:
            raise ValueError(f"{name} of shape {np.shape(part)} instead of {sides[name]}")
    if not total.samples >= 0:
        raise ValueError(f"{total.samples:g} samples")


def _alignments(total: PairTotal) -> dict[tuple[int, int], float]:
    if total.samples < FEWEST:
        raise UsageError(
            f"CKA needs at least {FEWEST} samples, and there are {total.samples:.0f} that can be "
            "used: give more pictures, or compare patches (--tokens patches)."
        )
    return linear_cka(total.hsics, total.pairs.tolist())
