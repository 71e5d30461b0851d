"""Maximum flows through layers of nodes, in whole numbers, and what the rounding can cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["UNITS", "FlowBetween", "FlowGraph"]

UNITS = 2**30
"""Whole numbers to a capacity of 1.

SciPy's are of 32 bits, so less than 2**31. No edge takes more than 1, nor does all that leaves the
source, and no sum within the search is larger than one of these.
"""

# Of each node that many edges are searched first, the widest. On random attention all but a few
# flows are found in these: twelve times as quickly for 14x14 patches, a hundred times for 28x28.
FEW = 16


class FlowBetween(NamedTuple):
    """What the exact maximum flow lies between, both included.

    Parameters
    ----------
    found : float
        A flow that the edges can take.
    cut : float
        The capacity of a cut, which no flow can exceed.
    """

    found: float
    cut: float


class FlowGraph:
    """A graph whose edges go from one layer of nodes to the next, for one source and any sink.

    Capacities are rounded down to multiples of ``1 / UNITS``, so what is found is never more than
    the exact maximum. It fills a cut, whose capacities are then added up as they were before: with
    a unit less an edge at most, they are what is found.

    Parameters
    ----------
    layers : sequence of float64 (nodes, nodes of the next layer), from 0 to 1
        Capacities of the edges, from the source down: one row in the first, which sums to 1 at
        most, and a column for each possible sink in the last.

    Examples
    --------
    >>> graph = FlowGraph([np.asarray([[0.5, 0.5]]), np.asarray([[0.25, 0.75], [0.0, 1.0]])])
    >>> graph.flow_to(0), graph.flow_to(1)
    (FlowBetween(found=0.25, cut=0.25), FlowBetween(found=1.0, cut=1.0))
    """

    def __init__(self, layers: Sequence[NDArray[np.float64]]) -> None:
        self._layers = layers
        units = [np.floor(layer * UNITS).astype(np.int32) for layer in layers]
        *self._upper, self._into = units
        self._few = _Edges([*self._upper[:1], *map(_widest, self._upper[1:])], len(self._into))

    @property
    def edges(self) -> int:
        """Number of edges of the search for one sink, without those that take nothing."""
        return sum(int(np.count_nonzero(layer)) for layer in self._upper) + len(self._into)

    @cached_property
    def _all(self) -> _Edges:
        return _Edges(self._upper, len(self._into))

    def flow_to(self, sink: int) -> FlowBetween:
        """Find the maximum flow to a column of the last layer."""
        into, layers = self._into[:, sink], [*self._layers[:-1], self._layers[-1][:, [sink]]]
        out_of = self._upper[0] if self._upper else into
        # Two cuts are at hand, around the source and around the sink. What fills one is a maximum,
        # in whichever edges it was found.
        at_hand = min(int(out_of.sum()), int(into.sum()))
        cuts = [float(layers[0].sum()), float(layers[-1].sum())]
        found, _ = self._few.flow(into)
        if found < at_hand:
            found, flow = self._all.flow(into)
            if found < at_hand:
                cuts.append(_leaving(self._all.reached(flow), layers))
        return FlowBetween(found / UNITS, min(cuts))


class _Edges:
    """The edges of a graph as SciPy takes them; those into the sink are the last ones.

    Nothing else differs from sink to sink.
    """

    def __init__(self, upper: Sequence[NDArray[np.int32]], last: int) -> None:
        from scipy.sparse import csr_array

        # Where each layer begins among all nodes; the sink is the last.
        starts = np.cumsum([0, *(len(layer) for layer in upper), last])
        self._starts, self._sink, self._last = starts, int(starts[-1]), last
        tails, heads, units = [], [], []
        for layer, (start, below) in zip(upper, pairwise(starts[:-1]), strict=True):
            tail, head = np.nonzero(layer)
            tails.append((start + tail).astype(np.int32))
            heads.append((below + head).astype(np.int32))
            units.append(layer[tail, head])
        tails.append(np.arange(starts[-2], self._sink, dtype=np.int32))
        heads.append(np.full(last, self._sink, np.int32))
        units.append(np.ones(last, np.int32))
        ends = np.concatenate(tails), np.concatenate(heads)
        shape = (self._sink + 1, self._sink + 1)
        self._graph = csr_array((np.concatenate(units), ends), shape=shape)

    def flow(self, into: NDArray[np.int32]) -> tuple[int, Any]:
        """Find the maximum flow, and what flows in every edge."""
        from scipy.sparse.csgraph import maximum_flow

        self._graph.data[-self._last :] = into
        result = maximum_flow(self._graph, 0, self._sink, method="dinic")
        return int(result.flow_value), result.flow

    def reached(self, flow: Any) -> list[NDArray[np.bool_]]:
        """Mark the nodes of each layer that more could flow to: the edges that leave are full."""
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import breadth_first_order

        left = csr_array(self._graph - csr_array(flow))
        left.eliminate_zeros()
        reached = np.zeros(self._sink + 1, bool)
        reached[breadth_first_order(left, 0, return_predecessors=False)] = True
        return np.split(reached, self._starts[1:])


def _widest(layer: NDArray[np.int32]) -> NDArray[np.int32]:
    """Keep a few edges of each node, and all that are as wide as one of them."""
    if layer.shape[1] <= FEW:
        return layer
    least = np.partition(layer, -FEW, axis=1)[:, [-FEW]]
    return np.where(layer >= least, layer, np.int32(0))


def _leaving(inside: Sequence[NDArray[np.bool_]], layers: Sequence[NDArray[np.float64]]) -> float:
    """Add up what the edges that leave some nodes take, before it was rounded."""
    return sum(
        float(layer[above][:, ~below].sum())
        for layer, (above, below) in zip(layers, pairwise(inside), strict=True)
    )
