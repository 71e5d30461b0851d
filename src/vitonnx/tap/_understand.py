"""Find the parts of a foreign graph, prove them by perturbing it, and describe them in words."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx_ir as ir

from vitonnx.engine import Precision
from vitonnx.modelfile import WHOLE
from vitonnx.tap._attention import find_attentions
from vitonnx.tap._find_patches import Patches, find_patches
from vitonnx.tap._flow import check_flow, check_passage
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._grid_free import Positions
from vitonnx.tap._head import Head, find_head, read_prefix
from vitonnx.tap._residual_stream import Stream, find_stream
from vitonnx.tap._token_order import check_order, place_others

__all__ = [
    "Understood",
    "describe_findings",
    "describe_positions",
    "in_words",
    "missing",
    "precision_of",
    "understand",
]

FOUR_BITS = frozenset[ir.DataType | None](
    (ir.DataType.INT4, ir.DataType.UINT4, ir.DataType.FLOAT4E2M1)
)
PRODUCTS = frozenset(("Einsum", "FusedMatMul", "Gemm", "MatMul", "MatMulBnb4", "MatMulNBits"))
IN_EIGHT = 4  # the accuracy level of MatMulNBits that rounds its other factor to 8 bits
FLOATS: dict[ir.DataType | None, Precision] = {
    ir.DataType.FLOAT16: "fp16",
    ir.DataType.BFLOAT16: "bf16",
}


@dataclass(frozen=True)
class Understood:
    """The parts of a Vision Transformer, as values and nodes of its graph."""

    stream: Stream
    patches: Patches
    head: Head
    read: frozenset[int] | None  # prefix tokens that the head reads; None where that isn't known


def understand(model: ir.Model, pictures: Input, folder: Path) -> Understood:
    """Find a Vision Transformer's parts in a prepared graph, and see that they are what they seem.

    If it is none, or its maps would be wrong: ModelFileError.
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


def describe_findings(
    foreign: Input, pictures: Input, parts: Understood, precision: str
) -> tuple[tuple[str, str], ...]:
    """Describe each part, by its names in the original."""
    kind = str(foreign.value.dtype).lower()
    batch = "any number of pictures" if pictures.batch is None else "one picture"
    stream, patches, head = parts.stream, parts.patches, parts.head
    size, grid = foreign.size, patches.grid
    return (
        ("input", f"{foreign.value.name}, {kind} {foreign.layout}, {batch} of {_by(size)}"),
        ("patches", f"{_by((patches.size, patches.size))} pixels, {_by(grid)} of them"),
        ("prefix tokens", str(patches.prefix)),
        *([("suffix tokens", str(patches.suffix))] if patches.suffix else []),
        ("blocks", f"{len(stream.blocks)}, of {stream.heads} heads and {stream.dim} channels"),
        ("precision", precision),
        ("logits", _logits(head)),
        ("embedding", _embedding(head, patches)),
    )


def describe_positions(positions: Positions, interpolation: str | None) -> tuple[str, str]:
    """Describe the positions, and how they adapt to other sizes."""
    kinds = []
    if positions.learned is not None:
        rows, columns = positions.learned.grid
        kinds.append(f"an embedding of {rows}x{columns} patches")
    if positions.relative:
        kinds.append(f"{positions.relative} tables of relative positions")
    if positions.rotary:
        kinds.append("rotary, of coordinates")
    then = {
        None: "this size alone",
        "none": "any size",
        "rotary": "any size, recomputed",
        "sincos": "any size, recomputed",
    }.get(interpolation, f"any size, resampled as {interpolation} does")
    return "positions", f"{' and '.join(kinds) or 'none recognised'}; {then}"


def missing(patches: Patches, pictures: Input, stream: Stream) -> tuple[str, ...]:
    """List what a probe-ready file usually has, and this one lacks."""
    found = []
    if patches.kernel is None:
        found.append("no single convolution embeds the patches: filters can't be probed")
    if patches.positions is None:
        found.append("no position embedding is added: positions can't be probed")
    if patches.shift:
        found.append(
            f"the patches begin {patches.shift} pixels above the picture and at the left of it: "
            "maps are drawn as many pixels off"
        )
    if pictures.batch is not None:
        found.append("the graph takes one picture at a time: batches run one by one")
    return (*found, *(f"{other}: it is not a block, and has no map" for other in stream.others))


def _by(sides: tuple[int, int]) -> str:
    return f"{sides[0]}x{sides[1]}"


def _logits(head: Head) -> str:
    if head.logits is None:
        return "none"
    return f"{head.logits.name}, of {_last(head.logits)} classes"


def _embedding(head: Head, patches: Patches) -> str:
    if head.embedding is not None:
        return f"{head.embedding.name}, {_last(head.embedding)} wide"
    if head.mean_of:
        return f"the mean of {head.mean_of[0].name} and {head.mean_of[1].name}"
    return "the class token of the last tokens" if patches.prefix else "the mean of the last tokens"


def _last(value: ir.Value) -> str:
    return "?" if value.shape is None else str(value.shape[-1])


def precision_of(graph: ir.Graph) -> Precision:
    """Return the lowest precision of a graph's products. Needs types."""
    for node in graph:
        level = node.attributes.get_int("accuracy_level", 0)
        if node.op_type in WHOLE or (node.op_type == "MatMulNBits" and level == IN_EIGHT):
            return "int8"
    for node in graph:
        if node.op_type in PRODUCTS and node.outputs[0].dtype in FLOATS:
            return FLOATS[node.outputs[0].dtype]
    return "fp32"


def in_words(graph: ir.Graph, precision: Precision) -> str:
    """Describe a precision, including weights stored in fewer bits."""
    few = sorted({bits for node in graph if (bits := _bits(node)) is not None})
    if not few:
        return precision
    return f"{precision}, weights kept in {' and '.join(map(str, few))} bits"


def _bits(node: ir.Node) -> int | None:
    """Return the bits of a node's weights if fewer than eight."""
    if node.op_type == "MatMulBnb4":
        return 4
    if node.op_type in ("GatherBlockQuantized", "MatMulNBits"):
        return node.attributes.get_int("bits", 4)
    if node.op_type != "DequantizeLinear" or node.inputs[0] is None:
        return None
    return 4 if node.inputs[0].dtype in FOUR_BITS else None
