"""Find the parts of a foreign graph by its structure, and prove them by perturbing it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from vitonnx.tap._attention import find_attentions
from vitonnx.tap._blocks import Stream, find_stream
from vitonnx.tap._flow import check_flow, check_passage
from vitonnx.tap._head import Head, find_head, read_prefix
from vitonnx.tap._input import Input
from vitonnx.tap._others import place_others
from vitonnx.tap._patches import Patches, check_order, find_patches

__all__ = ["Understood", "understand"]


@dataclass(frozen=True)
class Understood:
    """The parts of a Vision Transformer, as values and nodes of its graph.

    Parameters
    ----------
    stream : Stream
    patches : Patches
    head : Head
    read : frozenset of int or None
        Prefix tokens that the head reads; None where that isn't known.
    """

    stream: Stream
    patches: Patches
    head: Head
    read: frozenset[int] | None


def understand(model: ir.Model, pictures: Input, folder: Path) -> Understood:
    """Find a Vision Transformer's parts in a prepared graph, and see that they are what they seem.

    Raises
    ------
    ModelFileError
        If it is not a Vision Transformer, or its maps would be wrong.
    """
    graph = model.graph
    stream = find_stream(graph, find_attentions(graph), pictures.batch)
    check_passage(graph, stream)
    patches = find_patches(graph, stream, pictures)
    patches = place_others(model, stream, patches, pictures, folder)
    head = find_head(graph, stream)
    check_order(model, stream, patches, pictures, folder)
    check_flow(model, stream, patches.prefix, pictures, folder)
    read = read_prefix(model, stream, patches.prefix, head, pictures, folder)
    return Understood(stream, patches, head, read)
