"""Outputs of the model: class scores, and the value they are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.engine import run_values
from vitonnx.tap._flow import STILL, cut_out
from vitonnx.tap._foreign_graph import Input
from vitonnx.tap._observe import pixel_values
from vitonnx.tap._residual_stream import Stream

__all__ = ["Head", "find_head", "read_prefix"]

PASSING = frozenset(("Identity", "Cast", "Dropout", "QuantizeLinear", "DequantizeLinear"))
EMBEDDING_NAMES = ("embed", "feature")


@dataclass(frozen=True)
class Head:
    """Values of the graph, in its own type."""

    logits: ir.Value | None  # (batch, classes); None where the model has no classifier
    embedding: ir.Value | None  # (batch, width); None if it is to be computed from the others
    tokens: ir.Value  # normed at the end, where they are
    mean_of: tuple[ir.Value, ...] = ()  # inputs of two classifiers: the embedding is their mean


def find_head(graph: ir.Graph, stream: Stream) -> Head:
    """Look at a graph's outputs for logits, and for what they are a linear function of.

    If no output has class scores, an output of one row per picture is the embedding; otherwise the
    class token of the last tokens is, or their mean.
    """
    last = stream.blocks[-1].stream_out
    norms = [use.node for use in last.uses() if use.node.op_type == "LayerNormalization"]
    tokens = norms[0].outputs[0] if len(norms) == 1 else last
    outputs, moving = list(graph.outputs), pixel_values(graph)
    flat = [value for value in outputs if value.shape is not None and len(value.shape) == 2]
    for value in flat:
        if any(word in str(value.name).lower() for word in EMBEDDING_NAMES):
            return Head(None, value, tokens)
        if (sources := _linear(value, moving)) is not None:
            if len(sources) == 2:
                return Head(value, None, tokens, sources)
            return Head(value, sources[0], tokens)
    for value in flat:
        producer = value.producer()
        if producer is not None and producer.op_type != "Tanh":  # a pooler for sentences
            return Head(None, value, tokens)
    return Head(None, None, tokens)


def read_prefix(
    model: ir.Model, stream: Stream, prefix: int, head: Head, pictures: Input, folder: Path
) -> frozenset[int] | None:
    """Return which prefix tokens of the last block the head reads, by changing each in turn.

    None if the model has no head, or one that reads all its tokens alike.
    """
    result = head.logits or head.embedding
    if result is None or not prefix:
        return None
    source, last = str(pictures.value.name), stream.blocks[-1].stream_out
    pixels = pictures.noise(1)
    (tokens,) = run_values(model, {source: pixels}, [last], folder)
    alone = cut_out(model, [pictures.value, last], [result])

    def read(tokens: NDArray[Any]) -> NDArray[np.float64]:
        feed = {source: pixels, str(last.name): tokens}
        return run_values(alone, feed, alone.graph.outputs, folder)[0].astype(np.float64)

    plain, changes = read(tokens), []
    for rows in (*range(prefix), slice(prefix, None)):
        changed = tokens.copy()
        # Every second channel: a norm would take out what is done to all of them.
        changed.reshape(stream.tokens, -1)[rows, ::2] *= -1
        with np.errstate(invalid="ignore"):  # what isn't finite is refused where all is verified
            changes.append(float(np.abs(read(changed) - plain).max()))
    found = frozenset(np.flatnonzero(np.array(changes) > STILL * max(changes)).tolist())
    return None if len(found) == prefix + 1 else found - {prefix}


def _linear(value: ir.Value | None, moving: set[ir.Value]) -> tuple[ir.Value, ...] | None:
    """Return the input of a linear function; two for the mean of two such functions."""
    node = None if value is None else value.producer()
    if node is None:
        return None
    sources = [each for each in node.inputs if each is not None and each in moving]
    weights = [each for each in node.inputs if each is not None and each not in moving]
    if node.op_type in PASSING:
        return _linear(node.inputs[0], moving)
    if node.op_type in ("Gemm", "MatMul") and weights and len(sources) == 1:
        return (sources[0],)
    if node.op_type == "Add" and len(sources) == 1:  # a bias
        return _linear(sources[0], moving)
    if node.op_type == "Mul" and (source := _quantised(sources)) is not None:
        return (source,)
    halves = node.op_type in ("Div", "Mul") and len(sources) == 1 and len(weights) == 1
    total = sources[0].producer() if halves else None
    if total is None or total.op_type != "Add" or weights[0].const_value is None:
        return None
    number = weights[0].const_value.numpy()
    is_half = number.size == 1 and np.isclose(number.item(), 2 if node.op_type == "Div" else 0.5)
    parts = [_linear(each, moving) for each in total.inputs]
    both = [each[0] for each in parts if each is not None and len(each) == 1]
    return (both[0], both[1]) if is_half and len(both) == 2 else None


def _quantised(factors: Sequence[ir.Value]) -> ir.Value | None:
    """Return the value quantised for an integer product whose result is scaled back."""
    for value in factors:
        node = value.producer()
        if node is not None and node.op_type == "Cast" and node.inputs[0] is not None:
            node = node.inputs[0].producer()
        if node is not None and node.op_type == "MatMulInteger" and node.inputs[0] is not None:
            quantiser = node.inputs[0].producer()
            return None if quantiser is None else quantiser.inputs[0]
    return None
