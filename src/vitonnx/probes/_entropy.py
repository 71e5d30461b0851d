"""The probe ``entropy``: how evenly every head of every block spreads its attention."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import array_api_compat

from vitonnx.layout import Layout
from vitonnx.probes._adding import TableProbe
from vitonnx.probes._arrays import Array, check_attention
from vitonnx.probes._finding import Table
from vitonnx.probes._probe import Queries
from vitonnx.probes._result import PictureResult

__all__ = ["Entropy", "EntropyResult", "attention_entropy"]


def attention_entropy(attention: Array) -> Array:
    """Average the entropy of the queries' attention.

    Parameters
    ----------
    attention : (batch, heads, tokens, tokens)
        Softmax weights, queries before keys; rows sum to 1.

    Returns
    -------
    float64 (batch, heads), the input's namespace
        In nats: 0 where every query looks at one token, log(tokens) where all look at all alike.

    References
    ----------
    Shannon 1948, "A Mathematical Theory of Communication".

    Examples
    --------
    >>> import numpy as np
    >>> attention_entropy(np.asarray([[[[0.5, 0.5], [1.0, 0.0]]]])).round(4)
    array([[0.3466]])
    """
    check_attention(attention, caller="attention_entropy")
    xp = array_api_compat.array_namespace(attention)
    # 0 log 0 is 0.
    logarithms = xp.log(xp.where(attention > 0, attention, 1.0))
    of_queries = -xp.sum(attention * logarithms, axis=-1)
    # Doubles from here on, so that thousands of queries add up without loss.
    return xp.sum(xp.astype(of_queries, xp.float64), axis=-1) / attention.shape[-1]


@dataclass(frozen=True, eq=False, kw_only=True)
class EntropyResult(PictureResult):
    """How evenly every head spreads its attention, in one picture.

    Parameters
    ----------
    entropy : float64 (blocks, heads)
        In nats.
    """

    entropy: Array

    @property
    def finding(self) -> Table:
        """The entropies."""
        return Table(values=self.entropy, unit=Entropy.unit, title=Entropy.title)


@dataclass(frozen=True)
class Entropy(TableProbe[EntropyResult]):
    """Entropy of attention, of every head of every block, averaged over the queries."""

    name: ClassVar[str] = "entropy"
    help: ClassVar[str] = "Measure how evenly every head spreads its attention, over many pictures."
    purpose: ClassVar[str] = (
        "See which heads pick a few patches, and which average over all of them."
    )
    unit: ClassVar[str] = "entropy of attention (nats)"
    title: ClassVar[str] = "Entropy of attention"

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float64 (batch, blocks, heads): entropies in nats."""
        blocks = [attention_entropy(outputs[name]) for name in self.reads(layout)]
        return array_api_compat.array_namespace(*blocks).stack(blocks, axis=1)

    def result(self, condensed: Array, layout: Layout, query: int | None) -> EntropyResult:
        """Make the result of one picture, of its (blocks, heads)."""
        return EntropyResult(entropy=condensed)

    def largest(self, layout: Layout) -> float:
        """Give the entropy of attention to all tokens alike."""
        return math.log(layout.tokens)
