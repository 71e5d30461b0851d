"""Graphs drawn by hand, as others draw them: in primitive operators, with random weights.

Values are called by numbers, so that nothing can be learned from names.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Floats: TypeAlias = NDArray[np.floating[Any]]
Side: TypeAlias = int | str
Precision: TypeAlias = Literal["fp32", "fp16 weights", "fp16"]

FLOAT, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
EPSILON = 1e-5

# What every runtime reads that knows the operators.
IR_VERSIONS = {13: 7, 17: 8, 21: 10}


class Sketch:
    """A graph that grows node by node.

    `batch` is the only one that the graph can take, or 0 for any: Reshape then copies that side.
    """

    def __init__(
        self, opset: int = 17, *, precision: Precision = "fp32", batch: int = 0, seed: int = 0
    ) -> None:
        self.opset, self.precision, self.batch = opset, precision, batch
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(seed)
        self._numbers = itertools.count()

    def branch(self) -> Sketch:
        """Give a sketch of a subgraph, which sees all that is drawn here."""
        inner = Sketch(self.opset, precision=self.precision, batch=self.batch)
        inner.weights, inner._random = self.weights, self._random
        inner._numbers = self._numbers
        return inner

    def __call__(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Draw a node of one output."""
        (output,) = self.several(operator, *inputs, outputs=1, **attributes)
        return output

    def several(self, operator: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        names = [self._name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def constant(self, values: Sequence[int] | int) -> str:
        return self._keep(np.array(values, np.int64))

    def weight(self, values: Floats) -> str:
        if self.precision == "fp32":
            return self._keep(values.astype(np.float32))
        half = self._keep(values.astype(np.float16))
        return half if self.precision == "fp16" else self("Cast", half, to=FLOAT)

    def noise(self, *shape: int, scale: float = 1.0) -> str:
        return self.weight(scale * self._random.standard_normal(shape))

    def number(self, value: float) -> str:
        kept = np.float16 if self.precision == "fp16" else np.float32
        return self._keep(np.array(value, kept))

    def reshape(self, x: str, *sides: int) -> str:
        return self("Reshape", x, self.constant(sides))

    def transpose(self, x: str, *order: int) -> str:
        return self("Transpose", x, perm=order)

    def slice(self, x: str, axis: int, start: int, end: int) -> str:
        return self("Slice", x, *(self.constant([value]) for value in (start, end, axis)))

    def mean(self, x: str, axis: int, *, keep: bool = False) -> str:
        if self.opset < 18:
            return self("ReduceMean", x, axes=[axis], keepdims=int(keep))
        return self("ReduceMean", x, self.constant([axis]), keepdims=int(keep))

    def linear(self, x: str, weight: str, bias: str) -> str:
        return self("Add", self("MatMul", x, weight), bias)

    def norm(self, x: str, weight: str, bias: str) -> str:
        if self.opset >= 17:
            return self("LayerNormalization", x, weight, bias, axis=-1, epsilon=EPSILON)
        centred = self("Sub", x, self.mean(x, -1, keep=True))
        variance = self.mean(self("Mul", centred, centred), -1, keep=True)
        deviation = self("Sqrt", self("Add", variance, self.number(EPSILON)))
        return self("Add", self("Mul", self("Div", centred, deviation), weight), bias)

    def gelu(self, x: str) -> str:
        if self.opset >= 20:
            return self("Gelu", x)
        error = self("Erf", self("Div", x, self.number(math.sqrt(2))))
        half = self("Mul", x, self.number(0.5))
        return self("Mul", half, self("Add", error, self.number(1)))

    def sized_as(self, x: str, token: str, tokens: int, dim: int) -> str:
        """Repeat ``(1, tokens, dim)`` for every picture of the batch of x."""
        if self.batch > 0:
            return self("Expand", token, self.constant([self.batch, tokens, dim]))
        batch = self("Gather", self("Shape", x), self.constant([0]), axis=0)
        shape = self("Concat", batch, self.constant([tokens, dim]), axis=0)
        return self("Expand", token, shape)

    # Layers with weights that nobody else needs to know.

    def dense(self, x: str, inside: int, outside: int, *, scale: float = 1.0) -> str:
        weight = self.noise(inside, outside, scale=scale / math.sqrt(inside))
        return self.linear(x, weight, self.noise(outside, scale=0.1))

    def normed(self, x: str, dim: int) -> str:
        return self.norm(x, self.noise(dim), self.noise(dim, scale=0.1))

    def conv(self, x: str, inside: int, outside: int, side: int, stride: int = 1) -> str:
        kernel = self.noise(outside, inside, side, side, scale=1 / math.sqrt(inside * side**2))
        edge = (side - 1) // 2 if stride < side else 0
        bias = self.noise(outside, scale=0.1)
        return self("Conv", x, kernel, bias, strides=[stride] * 2, pads=[edge] * 4)

    def flattened(self, x: str, dim: int) -> str:
        """From ``(batch, dim, rows, columns)`` to tokens."""
        return self.transpose(self.reshape(x, self.batch, dim, -1), 0, 2, 1)

    def attend(
        self,
        queries: str,
        context: str,
        dim: int,
        heads: int,
        *,
        bias: str | None = None,
        axis: int = -1,
    ) -> str:
        """Attention from anything to anything, with a residual left to the caller."""
        q, k, v = (
            self.transpose(
                self.reshape(
                    self.dense(x, dim, dim, scale=1.3), self.batch, -1, heads, dim // heads
                ),
                *order,
            )
            for x, order in (
                (queries, (0, 2, 1, 3)),
                (context, (0, 2, 3, 1)),
                (context, (0, 2, 1, 3)),
            )
        )
        scores = self("Mul", self("MatMul", q, k), self.number((dim / heads) ** -0.5))
        if bias:
            scores = self("Add", scores, bias)
        mixed = self("MatMul", self("Softmax", scores, axis=axis), v)
        joined = self.reshape(self.transpose(mixed, 0, 2, 1, 3), self.batch, -1, dim)
        return self.dense(joined, dim, dim)

    def mlp(self, x: str, dim: int) -> str:
        """Normalise, widen, narrow, and add."""
        wide = self.gelu(self.dense(self.normed(x, dim), dim, 2 * dim))
        return self("Add", x, self.dense(wide, 2 * dim, dim))

    def block(self, x: str, dim: int, heads: int, *, axis: int = -1) -> str:
        normed = self.normed(x, dim)
        x = self("Add", x, self.attend(normed, normed, dim, heads, axis=axis))
        return self.mlp(x, dim)

    def graph(
        self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.GraphProto:
        """Give what was drawn, without the weights."""
        return helper.make_graph(self.nodes, "main_graph", inputs, outputs)

    def model(
        self, inputs: dict[str, Sequence[Side]], outputs: dict[str, tuple[str, Sequence[Side]]]
    ) -> onnx.ModelProto:
        """Close the sketch: inputs by name, and outputs by name with the value that they are."""
        for name, (value, _) in outputs.items():
            if self.precision == "fp16":
                self.nodes.append(helper.make_node("Cast", [value], [name], to=FLOAT))
            else:
                self.nodes.append(helper.make_node("Identity", [value], [name]))
        made = self.graph(
            [helper.make_tensor_value_info(name, FLOAT, sides) for name, sides in inputs.items()],
            [
                helper.make_tensor_value_info(name, FLOAT, sides)
                for name, (_, sides) in outputs.items()
            ],
        )
        made.initializer.extend(self.weights)
        return helper.make_model(
            made,
            producer_name="somebody",
            opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=IR_VERSIONS[self.opset],
        )

    def _keep(self, values: NDArray[Any]) -> str:
        name = self._name()
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def _name(self) -> str:
        return f"v{next(self._numbers)}"
