"""The contract's input and outputs, joined to a graph that has others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from vitonnx.contract import EMBEDDING, IMAGES, LOGITS, PATCH_KERNEL, attention_name, tokens_name
from vitonnx.graph import constant
from vitonnx.manifest import Preprocessing
from vitonnx.tap._blocks import Stream
from vitonnx.tap._head import Head
from vitonnx.tap._input import Input
from vitonnx.tap._observe import BATCH
from vitonnx.tap._patches import Patches, name_weights

__all__ = ["Joined", "join"]

OURS = (LOGITS, EMBEDDING, IMAGES, PATCH_KERNEL)
OUR_PLACES = ("block_", "embed/", "head/", "position_", "relative_position_", "rotary_")


@dataclass(frozen=True)
class Joined:
    """Graph with the contract's input and outputs, besides the values of its own outputs.

    Parameters
    ----------
    model : onnx_ir.Model
    stream : Stream
    patches : Patches
    outputs : dict of str to onnx_ir.Value
        The contract's, in its order; they are not yet outputs of the graph.
    counterparts : tuple of onnx_ir.Value
        The original's outputs, in their order.
    folder : path
        Folder of the external weights.
    """

    model: ir.Model
    stream: Stream
    patches: Patches
    outputs: dict[str, ir.Value]
    counterparts: tuple[ir.Value, ...]
    folder: Path


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


class Joiner:
    """Adds nodes before or after a graph, with their types and shapes."""

    def __init__(self) -> None:
        self.nodes: list[ir.Node] = []

    def op(
        self,
        kind: str,
        inputs: Sequence[ir.Value],
        shape: Sequence[int | str],
        dtype: ir.DataType | None,
        name: str,
        **attributes: object,
    ) -> ir.Value:
        """Make a node of one output."""
        node = ir.node(kind, inputs, attributes, name=name)  # type: ignore[arg-type]
        value = node.outputs[0]
        value.name, value.shape = name, ir.Shape(shape)
        value.type = None if dtype is None else ir.TensorType(dtype)
        self.nodes.append(node)
        return value


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
    join, value = Joiner(), images
    if old.dtype != ir.DataType.UINT8:
        mean = (np.array(recipe.mean) * 255).astype(np.float32)
        factor = (1 / (np.array(recipe.std) * 255)).astype(np.float32)
        single = ir.DataType.FLOAT
        value = join.op("Cast", [value], sides, single, "embed/cast", to=single.value)
        value = join.op(
            "Sub", [value, constant(graph, "embed/mean", mean)], sides, single, "embed/sub"
        )
        value = join.op(
            "Mul", [value, constant(graph, "embed/factor", factor)], sides, single, "embed/mul"
        )
        if old.dtype not in (single, None):
            value = join.op(
                "Cast", [value], sides, old.dtype, "embed/cast_down", to=old.dtype.value
            )
    if recipe.channel_order == "bgr":
        order = constant(graph, "embed/bgr", np.array([2, 1, 0], np.int64))
        value = join.op("Gather", [value, order], sides, old.dtype, "embed/reverse", axis=3)
    if pictures.layout == "NCHW":
        turned = [batch, 3, *size]
        value = join.op(
            "Transpose", [value], turned, old.dtype, "embed/transpose", perm=(0, 3, 1, 2)
        )
    old.replace_all_uses_with(value)
    graph.inputs[:] = [images]
    for node in reversed(join.nodes):
        graph.insert_before(graph[0], node)


def _add_outputs(
    graph: ir.Graph, stream: Stream, head: Head, patches: Patches, batch: int | None
) -> dict[str, ir.Value]:
    """Make the contract's outputs, float32, of the values that were found.

    Returns
    -------
    dict of str to onnx_ir.Value
        Outputs in the contract's order; they are not yet outputs of the graph.
    """
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
    graph.extend(tail.join.nodes)
    return made


class _Tail:
    def __init__(self, graph: ir.Graph, stream: Stream, batch: int | str) -> None:
        self.graph, self.join = graph, Joiner()
        self.stream, self.batch = stream, batch

    def single(self, value: ir.Value, name: str) -> ir.Value:
        """Return a value in single precision, under its own name."""
        shape = () if value.shape is None else value.shape
        sides = [side if isinstance(side, int) else str(side.value) for side in shape]
        kind = "Identity" if value.dtype == ir.DataType.FLOAT else "Cast"
        to = {} if kind == "Identity" else {"to": ir.DataType.FLOAT.value}
        return self.join.op(kind, [value], sides, ir.DataType.FLOAT, name, **to)

    def attention(self, weights: ir.Value, name: str) -> ir.Value:
        """Return (batch, heads, tokens, tokens); heads and batch may be one axis before."""
        tokens, heads = self.stream.tokens, self.stream.heads
        if weights.shape is not None and len(weights.shape) == 3:
            sides = [self.batch, heads, tokens, tokens]
            target = constant(
                self.graph, f"{name}/shape", np.array([-1, heads, tokens, tokens], np.int64)
            )
            weights = self.join.op(
                "Reshape", [weights, target], sides, weights.dtype, f"{name}/reshape"
            )
        return self.single(weights, name)

    def tokens(self, value: ir.Value, name: str) -> ir.Value:
        """Return (batch, tokens, dim); before, the batch may be second, or tokens a grid."""
        count, dim = self.stream.tokens, self.stream.dim
        sides = [self.batch, count, dim]
        shape = () if value.shape is None else value.shape
        if len(shape) == 4:
            target = constant(self.graph, f"{name}/shape", np.array([-1, count, dim], np.int64))
            value = self.join.op("Reshape", [value, target], sides, value.dtype, f"{name}/reshape")
        elif shape and shape[0] == count and str(shape[1]) == str(self.batch):
            value = self.join.op(
                "Transpose", [value], sides, value.dtype, f"{name}/transpose", perm=(1, 0, 2)
            )
        return self.single(value, name)

    def embedding(self, head: Head, patches: Patches) -> ir.Value:
        """Return (batch, width): the head's input, or else the class token, or the mean."""
        dim = self.stream.dim
        if head.embedding is not None:
            return self.single(head.embedding, EMBEDDING)
        if head.mean_of:
            one, other = head.mean_of
            total = self.join.op("Add", [one, other], [self.batch, dim], one.dtype, "head/sum")
            half = constant(self.graph, "head/half", np.array(0.5, _numpy(one)))
            mean = self.join.op("Mul", [total, half], [self.batch, dim], one.dtype, "head/mean")
            return self.single(mean, EMBEDDING)
        tokens = self.tokens(head.tokens, "head/tokens")
        if patches.prefix:
            index = constant(self.graph, "head/cls", np.array(0, np.int64))
            return self.join.op(
                "Gather",
                [tokens, index],
                [self.batch, dim],
                ir.DataType.FLOAT,
                EMBEDDING,
                axis=1,
            )
        axes = constant(self.graph, "head/axes", np.array([1], np.int64))
        if patches.suffix:
            ends = [
                constant(self.graph, f"head/{name}", np.array([place], np.int64))
                for name, place in (("start", 0), ("stop", -patches.suffix))
            ]
            count = self.stream.tokens - patches.suffix
            sides = [self.batch, count, dim]
            tokens = self.join.op(
                "Slice", [tokens, *ends, axes], sides, ir.DataType.FLOAT, "head/patches"
            )
        return self.join.op(
            "ReduceMean",
            [tokens, axes],
            [self.batch, dim],
            ir.DataType.FLOAT,
            EMBEDDING,
            keepdims=0,
        )


def _numpy(value: ir.Value) -> np.dtype[np.generic]:
    return np.dtype((value.dtype or ir.DataType.FLOAT).numpy())
