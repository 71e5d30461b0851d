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
from vitonnx.probes._adding import SumProbe
from vitonnx.probes._arrays import Array
from vitonnx.probes._finding import Matrix
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
from vitonnx.probes._probe import Queries

__all__ = ["CKA", "linear_cka"]

Tokens = Literal["cls", "patches"]
Similarity: TypeAlias = PairSums | Hsics

MOST_BYTES = 2**30  # of the sums of all pairs: 24 blocks of 640 numbers, or 12 of 1,290


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
        return tuple(tokens_name(block) for block in self._blocks(layout))

    def _blocks(self, layout: Layout) -> list[int]:
        chosen = range(layout.blocks) if self.blocks is None else self.blocks
        return sorted({layout.block(block) for block in chosen})

    def _pairs(self, layout: Layout) -> list[tuple[int, int]]:
        return all_pairs(len(self._blocks(layout)))

    def _of_class(self, layout: Layout) -> bool:
        return self.tokens != "patches" and layout.class_token is not None

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that exact sums take."""
        return 8 * len(self._pairs(layout)) * layout.dim**2

    def nothing(self, layout: Layout) -> Similarity:
        """Give the sums of no picture, exact or not."""
        return PairSums() if self.is_exact(layout) else Hsics()

    def is_exact(self, layout: Layout) -> bool:
        """Tell whether sums fit into memory, so that HSIC is that of all pictures at once."""
        return self.bytes_of(layout) <= MOST_BYTES

    def advice(self, layout: Layout) -> str | None:
        """Say so where it is averaged over minibatches."""
        if self.is_exact(layout):
            return None
        return (
            f"the sums of all pairs of blocks would take {self.bytes_of(layout) / 1e9:.1f} GB: CKA "
            "is averaged over minibatches (Nguyen et al. 2021). Choose fewer blocks (--block) for "
            "exact sums."
        )

    def samples(self, outputs: Mapping[str, Array], layout: Layout) -> list[Array]:
        """Take what is compared of each block: (samples, dim)."""
        class_token, items = layout.class_token if self._of_class(layout) else None, []
        for name in self.reads(layout):
            tokens = outputs[name]
            xp = array_api_compat.array_namespace(tokens)
            if class_token is not None:
                # A few samples, of which early blocks hold nearly the same in all pictures.
                items.append(xp.astype(tokens[:, class_token, :], xp.float64))
            else:
                patches = tokens[:, layout.prefix : layout.prefix + layout.patches, :]
                items.append(xp.reshape(patches, (-1, patches.shape[-1])))
        return items

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give (1, numbers): `pack_sums` of the batch, or `batch_hsics` where that is too much."""
        pack = pack_sums if self.is_exact(layout) else batch_hsics
        return pack(self.samples(outputs, layout), self._pairs(layout))[None, :]

    def total(self, condensed: Array, pictures: int, layout: Layout) -> Similarity:
        """Take the sums of a batch."""
        kind = PairSums if self.is_exact(layout) else Hsics
        parts = [
            kind.of(condensed[part, ...], 1, self._pairs(layout))
            for part in range(condensed.shape[0])
        ]
        return replace(functools.reduce(kind.merge, parts), count=pictures)

    def summary(self, results: Sequence[Any] = ()) -> Similarity:
        """Give the sums of no picture."""
        return PairSums()

    def finding_of(self, total: Similarity, layout: Layout) -> Matrix:
        """Give CKA of every two blocks.

        Raises
        ------
        UsageError
            If there are fewer than four samples.
        """
        blocks = self._blocks(layout)
        values = np.empty((len(blocks), len(blocks)))
        for (one, other), value in _alignments(total).items():
            values[one, other] = values[other, one] = value
        return self._matrix(values, total, layout)

    def _matrix(
        self, values: Array, total: Similarity, layout: Layout, other: str | None = None
    ) -> Matrix:
        whose = "class tokens" if self._of_class(layout) else "patches"
        kind = "exact sums" if isinstance(total, PairSums) else "mean over minibatches"
        return Matrix(
            values=values,
            unit="linear CKA",
            item="block",
            other=other,
            details=(f"pictures: {total.count}", whose, f"unbiased HSIC, {kind}"),
            bounds=(0.0, 1.0),
        )

    def check(self, total: Similarity, layout: Layout) -> None:
        """Raise a ValueError for sums that no tokens of the model have."""
        if not np.array_equal(total.pairs, self._pairs(layout)):
            raise ValueError("pairs of other blocks")
        items, pairs = len(self._blocks(layout)), len(self._pairs(layout))
        sides = {
            "mean": (items, layout.dim),
            "products": (pairs, layout.dim, layout.dim),
            "lengths": (pairs,),
            "weighted": (pairs, 2, layout.dim),
            "sums": (pairs,),
        }
        for name, part in total.parts().items():
            if name in sides and np.shape(part) != sides[name]:
                raise ValueError(f"{name} of shape {np.shape(part)} instead of {sides[name]}")


def _alignments(total: Similarity) -> dict[tuple[int, int], float]:
    if total.samples < FEWEST:
        raise UsageError(
            f"CKA needs at least {FEWEST} samples, and there are {total.samples:.0f} that can be "
            "used: give more pictures, or compare patches (--tokens patches)."
        )
    return linear_cka(total.hsics, total.pairs.tolist())
