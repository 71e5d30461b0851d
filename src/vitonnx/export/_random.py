"""Random numbers in a TensorFlow function that was saved in training mode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["random_operator"]

# Of TensorFlow's names: RandomUniform, StatelessRandomUniformV2, ParameterizedTruncatedNormal …
RANDOM = ("Random", "TruncatedNormal", "Multinomial", "Bernoulli")


def random_operator(function: Any) -> str | None:
    """Name the first random operator that a concrete function reaches; None without any."""
    definition = function.graph.as_graph_def()
    library = {each.signature.name: each for each in definition.library.function}
    reached = _nodes(definition.node, library, set())
    return next(
        (f"{op} {name}" for op, name in reached if any(word in op for word in RANDOM)), None
    )


def _nodes(
    nodes: Iterable[Any], library: dict[str, Any], seen: set[str]
) -> Iterator[tuple[str, str]]:
    """Go through operators and their names, those of called functions too."""
    for node in nodes:
        yield node.op, node.name
        for attribute in node.attr.values():
            called = [attribute.func.name, *(each.name for each in attribute.list.func)]
            for name in called:
                if name in library and name not in seen:
                    seen.add(name)
                    yield from _nodes(library[name].node_def, library, seen)
