"""How blocks mix tokens: one map of all heads and a skip connection, followed row by row."""

from __future__ import annotations

from typing import NamedTuple

import array_api_compat

from vitonnx.probes._arrays import Array

__all__ = ["Fused", "follow", "mixing"]


class Fused(NamedTuple):
    """One map of all heads, (batch, queries, tokens), times a number.

    A mean is kept as a sum: a large matrix is not divided where a vector can be.
    """

    total: Array
    times: int
    sums_known: bool = False  # whether each row sums to that number

    def rows(self, rows: slice) -> Fused:
        return self._replace(total=self.total[:, rows, :])


def mixing(fused: Fused, rows: slice | None = None) -> Array:
    """How a block mixes the tokens into all or some of them; the rows sum to 1."""
    xp = array_api_compat.array_namespace(fused.total)
    index = xp.arange(fused.total.shape[-1], device=array_api_compat.device(fused.total))
    asked = index if rows is None else index[rows]
    identity = xp.astype(asked[:, None] == index[None, :], fused.total.dtype)
    mixed = fused.total / fused.times + identity
    # The halves of (A + I) / 2 cancel here.
    return mixed / (2.0 if fused.sums_known else xp.sum(mixed, axis=-1, keepdims=True))


def follow(flow: Array, fused: Fused) -> Array:
    """Go one block down: flow (A + I) with renormalised rows, and no other matrix than A."""
    xp = array_api_compat.array_namespace(fused.total)
    # Large matrices are read once more only where their sums must be asked.
    sums = 1.0 if fused.sums_known else xp.sum(fused.total, axis=-1)[:, None, :] / fused.times
    share = flow / (sums + 1.0)
    return (share / fused.times) @ fused.total + share
