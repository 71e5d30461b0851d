"""Bounds of what a graph may ask for, found without running it.

A few bytes of a file can ask for all memory, or stand for any number of nodes; and runtimes let an
output have another shape than the declared one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from vitonnx.errors import ModelFileError
from vitonnx.filenames import shown
from vitonnx.manifest import METADATA_KEY, Manifest

if TYPE_CHECKING:
    import onnx

__all__ = ["check_shapes", "refuse_many"]

MOST = 20_000
"""Nodes. Forty blocks with every operator written out, and each shape computed, have 8,000."""
LARGEST = 2**31
"""Entries of a value, a picture: 8 GB, as much as the attention of 8,000 tokens in 32 heads."""
LONGEST = 2**22
"""Entries of a list of whole numbers that is computed: shapes and places of tokens, whose values
are followed, in some twenty bytes each."""
WHOLE = (6, 7)  # int32 and int64, by their numbers in onnx.TensorProto.DataType

Key: TypeAlias = tuple[str, str, str]


def refuse_many(model: onnx.ModelProto, file: Path) -> None:
    """Refuse a graph of more nodes than any model has, with those in its functions and branches.

    A few nodes stand for any number where functions call functions; in a circle, for endless ones.
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


def check_shapes(model: onnx.ModelProto, file: Path) -> None:
    """Refuse values larger than any that a Vision Transformer needs, and outputs declared wrongly.

    Shapes are inferred without running the graph, from constants and from the input. A file with a
    manifest may have what its promises need, and must keep them; in other files declared shapes are
    often wrong, and `tap` checks them itself.
    """
    from onnx.inliner import inline_local_functions
    from onnx.shape_inference import infer_shapes

    manifest = _manifest(model)
    promised = 0 if manifest is None else 2 * manifest.heads * manifest.tokens**2
    try:
        bare = _undeclared(inline_local_functions(model) if model.functions else model)
        # Values are followed only where lists of them are short: they double in every node that
        # joins one to itself.
        for follow_values in (False, True):
            inferred = infer_shapes(bare, data_prop=follow_values).graph
            _refuse_huge(inferred, file, max(LARGEST, promised))
    except (ModelFileError, MemoryError):
        raise
    except Exception:
        # A graph that contradicts itself has no sizes; running it reports that.
        return
    if manifest is not None:
        _compare(model.graph, inferred, file)


def _manifest(model: onnx.ModelProto) -> Manifest | None:
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    return Manifest.from_metadata(metadata) if METADATA_KEY in metadata else None


def _undeclared(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same model for one picture, with no shape declared except the input's."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for value in bare.graph.input:
        sides = value.type.tensor_type.shape.dim
        if sides and not sides[0].HasField("dim_value"):
            sides[0].dim_value = 1
    del bare.graph.value_info[:]
    for value in bare.graph.output:
        value.type.tensor_type.ClearField("shape")
    return bare


def _refuse_huge(graph: onnx.GraphProto, file: Path, largest: int) -> None:
    for value in (*graph.value_info, *graph.output):
        kind = value.type.tensor_type
        sides = [max(1, side.dim_value) for side in kind.shape.dim]
        size = math.prod(sides)
        is_list = len(sides) == 1 and kind.elem_type in WHOLE
        if size > (LONGEST if is_list else largest):
            raise ModelFileError(
                f"{file} computes {shown(value.name)[:100]!r} with {size:,} entries, more than "
                "any model that fits a machine: it is damaged, or made to exhaust memory. Export "
                "or copy it again."
            )


def _compare(declared: onnx.GraphProto, inferred: onnx.GraphProto, file: Path) -> None:
    """Compare outputs after the batch, as far as both are known."""
    for says, is_ in zip(declared.output, inferred.output, strict=True):
        if not is_.type.tensor_type.HasField("shape"):
            continue
        wanted, found = (
            [side.dim_value or None for side in value.type.tensor_type.shape.dim]
            for value in (says, is_)
        )
        if len(wanted) != len(found) or any(
            one and other and one != other for one, other in zip(wanted[1:], found[1:], strict=True)
        ):
            raise ModelFileError(
                f"{file} breaks a promise of its manifest: {says.name} is computed as {found[1:]} "
                f"instead of {wanted[1:]} after the batch. Export the model again."
            )
