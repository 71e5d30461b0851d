"""Maximum flow as the paper's graph has it, path after path, in exact fractions."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Node: TypeAlias = tuple[int, int]
Graph: TypeAlias = dict[Node, dict[Node, Fraction]]

ABOVE: Node = (-1, 0)


def slow_flow(
    attentions: list[NDArray[np.floating]], fusion: str, query: list[int], target: int
) -> Fraction:
    """Flow of one picture from (heads, tokens, tokens) of each block, first block first.

    Nodes are (layer, token), 0 at the bottom; above the top one, a node gives each query token an
    equal share of 1.
    """
    graph: Graph = {}
    for token in query:
        join(graph, ABOVE, (len(attentions), token), Fraction(1, len(query)))
    for block, attention in enumerate(attentions):
        tokens = attention.shape[-1]
        for upper in range(tokens):
            row = [fused(attention[:, upper, lower], fusion) for lower in range(tokens)]
            mixed = [each + (lower == upper) for lower, each in enumerate(row)]
            for lower, each in enumerate(mixed):
                join(graph, (block + 1, upper), (block, lower), each / sum(mixed))
    return edmonds_karp(graph, ABOVE, (0, target))


def fused(heads: NDArray[np.floating], fusion: str) -> Fraction:
    values = [Fraction(float(value)) for value in heads]
    mean = sum(values, Fraction(0)) / len(values)
    return {"mean": mean, "max": max(values), "min": min(values)}[fusion]


def join(graph: Graph, tail: Node, head: Node, capacity: Fraction) -> None:
    graph.setdefault(tail, {})[head] = capacity
    graph.setdefault(head, {}).setdefault(tail, Fraction(0))


def edmonds_karp(left: Graph, source: Node, sink: Node) -> Fraction:
    """Fill one shortest path after the other, until there is none."""
    flow = Fraction(0)
    while True:
        came_from = {source: source}
        queue = deque([source])
        while queue and sink not in came_from:
            node = queue.popleft()
            for head, capacity in left[node].items():
                if capacity > 0 and head not in came_from:
                    came_from[head] = node
                    queue.append(head)
        if sink not in came_from:
            return flow
        path = [sink]
        while path[-1] != source:
            path.append(came_from[path[-1]])
        steps = list(zip(path[1:], path, strict=False))
        most = min(left[tail][head] for tail, head in steps)
        for tail, head in steps:
            left[tail][head] -= most
            left[head][tail] += most
        flow += most
