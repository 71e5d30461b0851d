"""Number of nodes in a graph with its functions expanded: a few can stand for any number."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vitonnx.errors import ModelFileError

if TYPE_CHECKING:
    import onnx

__all__ = ["refuse_many"]

MOST = 20_000
"""Nodes. Forty blocks with every operator written out, and each shape computed, have 8,000."""

Key: TypeAlias = tuple[str, str, str]


def refuse_many(model: onnx.ModelProto, file: Path) -> None:
    """Refuse a graph of more nodes than any model has, with those in its functions and branches.

    Raises
    ------
    ModelFileError
        If it has more, or its functions call each other round in a circle.
    """
    counts: dict[Key, int] = {}
    waiting = {_key(function): function for function in model.functions}
    while waiting:
        # Those that call nothing uncounted any more: each is counted once, however often it is
        # called.
        ready = [
            key for key, each in waiting.items() if waiting.keys().isdisjoint(_calls(each.node))
        ]
        if not ready:
            raise ModelFileError(
                f"{file} is damaged: its functions call each other in a cycle. Export or copy it "
                "again."
            )
        for key in ready:
            counts[key] = _count(waiting.pop(key).node, counts)
    count = _count(model.graph.node, counts)
    if count > MOST:
        raise ModelFileError(
            f"{file} has {_about(count)} nodes, more than the graph of any Vision Transformer: it "
            "is damaged, or made to run forever. Export or copy it again."
        )


def _about(count: int) -> str:
    return f"{count:,}" if count < 10**9 else "over a billion"


def _key(each: onnx.NodeProto | onnx.FunctionProto) -> Key:
    name = each.op_type if hasattr(each, "op_type") else each.name
    return each.domain, name, each.overload


def _calls(nodes: Iterable[onnx.NodeProto]) -> set[Key]:
    """Return the functions that nodes call, also inside subgraphs."""
    found = set()
    for node in nodes:
        found.add(_key(node))
        for graph in _graphs(node):
            found |= _calls(graph.node)
    return found


def _count(nodes: Iterable[onnx.NodeProto], counts: dict[Key, int]) -> int:
    """Count nodes, what they call, and what stands in graphs inside them."""
    return sum(
        counts.get(_key(node), 1) + sum(_count(graph.node, counts) for graph in _graphs(node))
        for node in nodes
    )


def _graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [
        graph
        for attribute in node.attribute
        for graph in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs)
    ]
