"""Describe the parts found in a foreign graph in words."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.tap._blocks import Stream
from vitonnx.tap._head import Head
from vitonnx.tap._input import Input
from vitonnx.tap._patches import Patches
from vitonnx.tap._positions import Positions
from vitonnx.tap._understand import Understood

__all__ = ["describe_findings", "describe_positions", "missing"]


def describe_findings(
    foreign: Input, pictures: Input, parts: Understood, precision: str
) -> tuple[tuple[str, str], ...]:
    """Describe each part, by its names in the original."""
    kind = str(foreign.value.dtype).lower()
    batch = "any number of pictures" if pictures.batch is None else "one picture"
    stream, patches, head = parts.stream, parts.patches, parts.head
    size, grid = foreign.size, patches.grid
    return (
        (
            "input",
            f"{foreign.value.name}, {kind} {foreign.layout}, {batch} of {_by(size)}",
        ),
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
