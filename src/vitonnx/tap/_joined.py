"""The contract's input and outputs, joined to a graph that has others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from vitonnx.contract import EMBEDDING, IMAGES, LOGITS, PATCH_KERNEL, attention_name, tokens_name
from vitonnx.graph import Writer
from vitonnx.manifest import Preprocessing
from vitonnx.tap._find_patches import Patches, name_weights
from vitonnx.tap._foreign_graph import Input, normalisation
from vitonnx.tap._head import Head
from vitonnx.tap._observe import BATCH
from vitonnx.tap._residual_stream import Stream

__all__ = ["Joined", "join"]

OURS = (LOGITS, EMBEDDING, IMAGES, PATCH_KERNEL)
OUR_PLACES = ("block_", "embed/", "head/", "position_", "relative_position_", "rotary_")


@dataclass(frozen=True)
class Joined:
    """Graph with the contract's input and outputs, besides the values of its own outputs."""

    model: ir.Model
    stream: Stream
    patches: Patches
    outputs: dict[str, ir.Value]  # the contract's, in its order; not yet outputs of the graph
    counterparts: tuple[ir.Value, ...]  # the original's outputs, in their order
    folder: Path  # of the external weights


def join(
    model: ir.Model,
    stream: Stream,
    patches: Patches,
    head: Head,
    pictures: Input,
    recipe: Preprocessing,
    folder: Path,
) -> Joined:
    """Join the contract's input, outputs and weights to a graph, in place."""
    graph = model.graph
    counterparts = tuple(graph.outputs)
    _make_room(graph)
    _replace_input(graph, pictures, recipe)
    outputs = _add_outputs(graph, stream, head, patches, pictures.batch)
    name_weights(graph, patches)
    return Joined(model, stream, patches, outputs, counterparts, folder)


def _make_room(graph: ir.Graph) -> None:
    """Rename foreign values that have one of the contract's names."""
    for value in [*graph.inputs, *(value for node in graph for value in node.outputs)]:
        if _is_ours(value.name):
            value.name = f"original/{value.name}"
    for name in [name for name in graph.initializers if _is_ours(name)]:
        value = graph.initializers.pop(name)
        value.name = f"original/{name}"
        graph.initializers.add(value)


def _is_ours(name: str | None) -> bool:
    return name is not None and (name in OURS or name.startswith(OUR_PLACES))


def _replace_input(graph: ir.Graph, pictures: Input, recipe: Preprocessing) -> None:
    """Put uint8 (batch, height, width, 3) in the input's place, normalised in the graph.

    A graph that takes uint8 pixels normalises them itself, and gets them unchanged. One that takes
    blue first gets them reversed after normalisation, whose mean is for red, green, blue.
    """
    old, size = pictures.value, pictures.size
    batch: int | str = BATCH if pictures.batch is None else pictures.batch
    sides = [batch, *size, 3]
    images = ir.Value(name=IMAGES, shape=ir.Shape(sides), type=ir.TensorType(ir.DataType.UINT8))
    write, value, single = Writer(graph, "embed"), images, ir.DataType.FLOAT
    if old.dtype != ir.DataType.UINT8:
        mean, factor = normalisation(recipe)
        value = write.op("Cast", [value], "cast", single, sides, to=single.value)
        value = write.op("Sub", [value, write.constant("mean", mean)], "sub", single, sides)
        value = write.op("Mul", [value, write.constant("factor", factor)], "mul", single, sides)
        if old.dtype not in (single, None):
            value = write.op("Cast", [value], "cast_down", old.dtype, sides, to=old.dtype.value)
    if recipe.channel_order == "bgr":
        order = write.constant("bgr", [2, 1, 0])
        value = write.op("Gather", [value, order], "reverse", old.dtype, sides, axis=3)
    if pictures.layout == "NCHW":
        sides = [batch, 3, *size]
        value = write.op("Transpose", [value], "transpose", old.dtype, sides, perm=(0, 3, 1, 2))
    old.replace_all_uses_with(value)
    graph.inputs[:] = [images]
    write.put_before(graph[0])


def _add_outputs(
    graph: ir.Graph, stream: Stream, head: Head, patches: Patches, batch: int | None
) -> dict[str, ir.Value]:
    """Make the contract's outputs, float32, of the values that were found; see `Joined`."""
    first: int | str = BATCH if batch is None else batch
    tail = _Tail(graph, stream, first)
    made: dict[str, ir.Value] = {}
    if head.logits is not None:
        made[LOGITS] = tail.single(head.logits, LOGITS)
    made[EMBEDDING] = tail.embedding(head, patches)
    for number, block in enumerate(stream.blocks):
        made[attention_name(number)] = tail.attention(block.attention, attention_name(number))
    for number, block in enumerate(stream.blocks):
        made[tokens_name(number)] = tail.tokens(block.stream_out, tokens_name(number))
    graph.extend(tail.nodes)
    return made


class _Tail(Writer):
    """Writes what makes the contract's outputs of values, to stand behind the graph."""

    def __init__(self, graph: ir.Graph, stream: Stream, batch: int | str) -> None:
        super().__init__(graph, "")
        self.stream, self.batch = stream, batch

    def single(self, value: ir.Value, name: str) -> ir.Value:
        """Return a value in single precision, under its own name."""
        single, sides = ir.DataType.FLOAT, value.shape or ()
        if value.dtype == single:
            return self.op("Identity", [value], name, single, sides)
        return self.op("Cast", [value], name, single, sides, to=single.value)

    def attention(self, weights: ir.Value, name: str) -> ir.Value:
        """Return (batch, heads, tokens, tokens); heads and batch may be one axis before."""
        if weights.shape is not None and len(weights.shape) == 3:
            tokens = self.stream.tokens
            weights = self.reshaped(weights, [self.stream.heads, tokens, tokens], name)
        return self.single(weights, name)

    def tokens(self, value: ir.Value, name: str) -> ir.Value:
        """Return (batch, tokens, dim); before, the batch may be second, or tokens a grid."""
        count, dim, shape = self.stream.tokens, self.stream.dim, value.shape or ()
        if len(shape) == 4:
            value = self.reshaped(value, [count, dim], name)
        elif shape and shape[0] == count and str(shape[1]) == str(self.batch):
            sides = [self.batch, count, dim]
            place = f"{name}/transpose"
            value = self.op("Transpose", [value], place, value.dtype, sides, perm=(1, 0, 2))
        return self.single(value, name)

    def reshaped(self, value: ir.Value, sides: list[int], name: str) -> ir.Value:
        """Return the same numbers with other sides after the batch."""
        target = self.constant(f"{name}/shape", [-1, *sides])
        whole = [self.batch, *sides]
        return self.op("Reshape", [value, target], f"{name}/reshape", value.dtype, whole)

    def embedding(self, head: Head, patches: Patches) -> ir.Value:
        """Return (batch, width): the head's input, or else the class token, or the mean."""
        dim, single = self.stream.dim, ir.DataType.FLOAT
        sides = [self.batch, dim]
        if head.embedding is not None:
            return self.single(head.embedding, EMBEDDING)
        if head.mean_of:
            dtype = head.mean_of[0].dtype
            total = self.op("Add", head.mean_of, "head/sum", dtype, sides)
            half = self.constant("head/half", np.array(0.5, (dtype or single).numpy()))
            mean = self.op("Mul", [total, half], "head/mean", dtype, sides)
            return self.single(mean, EMBEDDING)
        tokens = self.tokens(head.tokens, "head/tokens")
        if patches.prefix:
            index = self.constant("head/cls", 0)
            return self.op("Gather", [tokens, index], EMBEDDING, single, sides, axis=1)
        axes = self.constant("head/axes", [1])
        if patches.suffix:
            start = self.constant("head/start", [0])
            stop = self.constant("head/stop", [-patches.suffix])
            kept = [self.batch, self.stream.tokens - patches.suffix, dim]
            tokens = self.op("Slice", [tokens, start, stop, axes], "head/patches", single, kept)
        return self.op("ReduceMean", [tokens, axes], EMBEDDING, single, sides, keepdims=0)
