"""Graphs that others made: Vision Transformers with their answers in NumPy, and what is none.

All in primitive operators, drawn by hand, with random weights. Values are called by numbers, so
that nothing can be learned from names.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Floats: TypeAlias = NDArray[np.floating[Any]]
Side: TypeAlias = int | str
Precision: TypeAlias = Literal["fp32", "fp16 weights", "fp16"]

FLOAT, HALF, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64
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


@dataclass(frozen=True, kw_only=True)
class ForeignViT:
    """A plain ViT, written in any of the ways that exporters write it.

    Parameters
    ----------
    prefix : int
        Up to two have positions; of more, the first alone, and the others are put behind it.
    products : "three", "gather", "split" or "slice"
        Of queries, keys and values: three, or one that is then taken apart.
    batched : bool
        Whether heads are folded into the batch: all products are of 3 axes then.
    scale : "before", "inside", "after" or "divided"
        Of the queries; its root of queries and keys; of the scores, as a factor or a divisor.
    bias : bool
        Whether something is added to the scores; some of it shuts tokens out.
    batch : int or None
        None is dynamic.
    readout : "token", "mean" or "latent"
        The first token; the patches' mean; what one learned query finds, by a cross-attention.
    """

    prefix: int = 1
    grid: tuple[int, int] = (3, 5)
    patch: int = 8
    dim: int = 21
    heads: int = 3
    blocks: int = 2
    mlp_dim: int = 34
    classes: int = 11
    products: Literal["three", "gather", "split", "slice"] = "three"
    batched: bool = False
    scale: Literal["before", "inside", "after", "divided"] = "after"
    bias: bool = False
    batch: int | None = None
    opset: int = 17
    precision: Precision = "fp32"
    readout: Literal["token", "mean", "latent"] = "token"

    @property
    def size(self) -> tuple[int, int]:
        return self.grid[0] * self.patch, self.grid[1] * self.patch

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def tokens(self) -> int:
        return self.prefix + self.patches

    @property
    def placed(self) -> int:
        """Prefix tokens that have positions."""
        return self.prefix if self.prefix <= 2 else 1

    def weights(self) -> dict[str, Floats]:
        """Draw all weights, with scores that make heads look somewhere and not everywhere."""
        random = np.random.default_rng(self.prefix)
        dim, pixels, places = self.dim, 3 * self.patch**2, self.placed + self.patches
        drawn: dict[str, NDArray[np.float64]] = {}

        def matrix(name: str, inside: int, outside: int, scale: float = 1.0) -> None:
            drawn[name] = scale / math.sqrt(inside) * random.standard_normal((inside, outside))
            drawn[f"{name}.bias"] = 0.1 * random.standard_normal(outside)

        def norm(name: str) -> None:
            drawn[name] = 1 + 0.2 * random.standard_normal(dim)
            drawn[f"{name}.bias"] = 0.1 * random.standard_normal(dim)

        matrix("patch", pixels, dim)
        drawn["patch"] = drawn["patch"].T.reshape(dim, 3, self.patch, self.patch)
        drawn["prefix"] = random.standard_normal((1, self.prefix, dim))
        drawn["positions"] = 0.5 * random.standard_normal((1, places, dim))
        for block in range(self.blocks):
            norm(f"{block}.norm1")
            matrix(f"{block}.qkv", dim, 3 * dim, scale=1.3)
            matrix(f"{block}.out", dim, dim)
            norm(f"{block}.norm2")
            matrix(f"{block}.up", dim, self.mlp_dim)
            matrix(f"{block}.down", self.mlp_dim, dim)
            heads = 1 if self.batched else self.heads
            drawn[f"{block}.mask"] = _mask(random, heads, self.tokens)
        norm("norm")
        drawn["query"] = random.standard_normal((1, 1, dim))
        for part in ("q", "k", "v"):
            matrix(f"pool.{part}", dim, dim)
        matrix("head", dim, self.classes)
        drawn["head"] = drawn["head"].T
        kept = np.float32 if self.precision == "fp32" else np.float16
        return {name: values.astype(kept) for name, values in drawn.items()}

    def model(self) -> onnx.ModelProto:
        """Draw the graph: input ``pixels``, output ``scores``."""
        sketch = Sketch(self.opset, precision=self.precision, batch=self.batch or 0)
        drawing = _Drawing(self, sketch, self.weights())
        batch: Side = self.batch or "batch"
        return sketch.model(
            {"pixels": (batch, 3, *self.size)},
            {"scores": (drawing.draw("pixels"), (batch, self.classes))},
        )

    def answer(self, pixels: Floats) -> dict[str, NDArray[np.float64]]:
        """Compute in double precision what a probe-ready file has to give.

        Parameters
        ----------
        pixels : array (batch, 3, height, width)
            Normalised.
        """
        weights = {name: values.astype(np.float64) for name, values in self.weights().items()}
        found: dict[str, NDArray[np.float64]] = {}
        x = self._embed(pixels.astype(np.float64), weights)
        for block in range(self.blocks):
            own = {
                name.removeprefix(f"{block}."): values
                for name, values in weights.items()
                if name.startswith(f"{block}.")
            }
            attention, values = self._attention(_norm(x, own["norm1"], own["norm1.bias"]), own)
            mixed = np.moveaxis(attention @ values, 1, 2).reshape(x.shape)
            x = x + mixed @ own["out"] + own["out.bias"]
            wide = _norm(x, own["norm2"], own["norm2.bias"]) @ own["up"] + own["up.bias"]
            x = x + _gelu(wide) @ own["down"] + own["down.bias"]
            found[f"block_{block:02}/attention"] = attention
            found[f"block_{block:02}/tokens"] = x
        x = _norm(x, weights["norm"], weights["norm.bias"])
        found["embedding"] = self._read(x, weights)
        found["logits"] = found["embedding"] @ weights["head"].T + weights["head.bias"]
        return found

    def _embed(
        self, pixels: NDArray[np.float64], weights: dict[str, NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        (rows, columns), side = self.grid, self.patch
        cut = pixels.reshape(len(pixels), 3, rows, side, columns, side)
        patches = np.einsum("bcryxz,dcyz->brxd", cut, weights["patch"]) + weights["patch.bias"]
        patches = patches.reshape(len(pixels), self.patches, self.dim)
        prefix = np.repeat(weights["prefix"], len(pixels), axis=0)
        x = np.concatenate([prefix[:, : self.placed], patches], 1) + weights["positions"]
        later = prefix[:, self.placed :]
        return np.concatenate([x[:, : self.placed], later, x[:, self.placed :]], 1)

    def _attention(
        self, x: NDArray[np.float64], own: dict[str, NDArray[np.float64]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the attention, and the values that it is of."""
        q, k, v = (
            part.reshape(*part.shape[:2], self.heads, -1).transpose(0, 2, 1, 3)
            for part in np.split(x @ own["qkv"] + own["qkv.bias"], 3, axis=-1)
        )
        scores = q @ k.swapaxes(-1, -2) / math.sqrt(self.dim / self.heads)
        return _softmax(scores + own["mask"] if self.bias else scores), v

    def _read(
        self, x: NDArray[np.float64], weights: dict[str, NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        if self.readout == "token":
            return x[:, 0]
        if self.readout == "mean":
            return np.asarray(x[:, self.prefix :].mean(1))
        query, keys, values = (
            source @ weights[f"pool.{part}"] + weights[f"pool.{part}.bias"]
            for source, part in ((weights["query"], "q"), (x, "k"), (x, "v"))
        )
        scores = query @ keys.swapaxes(-1, -2)
        return np.asarray((_softmax(scores / math.sqrt(self.dim)) @ values)[:, 0])


class _Drawing:
    """The nodes of a ViT."""

    def __init__(self, vit: ForeignViT, sketch: Sketch, weights: dict[str, Floats]) -> None:
        self.vit, self.sketch, self.arrays = vit, sketch, weights

    def weight(self, name: str) -> str:
        return self.sketch.weight(self.arrays[name])

    def draw(self, pixels: str) -> str:
        sketch = self.sketch
        if self.vit.precision == "fp16":
            pixels = sketch("Cast", pixels, to=HALF)
        x = self.embed(pixels)
        for block in range(self.vit.blocks):
            x = self.block(x, f"{block}.")
        x = sketch.norm(x, self.weight("norm"), self.weight("norm.bias"))
        return sketch("Gemm", self.read(x), self.weight("head"), self.weight("head.bias"), transB=1)

    def embed(self, pixels: str) -> str:
        vit, sketch = self.vit, self.sketch
        strides = [vit.patch] * 2
        kernel, bias = self.weight("patch"), self.weight("patch.bias")
        x = sketch.flattened(sketch("Conv", pixels, kernel, bias, strides=strides), vit.dim)
        placed, later = np.split(self.arrays["prefix"], [vit.placed], axis=1)
        if vit.placed:
            x = sketch("Concat", self.token(x, placed), x, axis=1)
        x = sketch("Add", x, self.weight("positions"))
        if vit.placed < vit.prefix:
            first = sketch.slice(x, 1, 0, vit.placed)
            rest = sketch.slice(x, 1, vit.placed, vit.tokens)
            x = sketch("Concat", first, self.token(x, later), rest, axis=1)
        return x

    def token(self, x: str, values: Floats) -> str:
        return self.sketch.sized_as(x, self.sketch.weight(values), values.shape[1], self.vit.dim)

    def block(self, x: str, name: str) -> str:
        sketch = self.sketch
        mixed = self.attention(self.norm(x, f"{name}norm1"), name)
        x = sketch("Add", x, self.linear(mixed, f"{name}out"))
        wide = sketch.gelu(self.linear(self.norm(x, f"{name}norm2"), f"{name}up"))
        return sketch("Add", x, self.linear(wide, f"{name}down"))

    def norm(self, x: str, name: str) -> str:
        return self.sketch.norm(x, self.weight(name), self.weight(f"{name}.bias"))

    def linear(self, x: str, name: str) -> str:
        return self.sketch.linear(x, self.weight(name), self.weight(f"{name}.bias"))

    def attention(self, x: str, name: str) -> str:
        vit, sketch = self.vit, self.sketch
        q, k, v = (self.folded(part) for part in self.parts(x, name))
        k = sketch.transpose(k, 0, 2, 1) if vit.batched else sketch.transpose(k, 0, 1, 3, 2)
        root = math.sqrt(vit.dim / vit.heads)
        if vit.scale == "before":
            q = sketch("Mul", q, sketch.number(1 / root))
        if vit.scale == "inside":
            q, k = (sketch("Mul", each, sketch.number(root**-0.5)) for each in (q, k))
        scores = sketch("MatMul", q, k)
        if vit.scale == "after":
            scores = sketch("Mul", scores, sketch.number(1 / root))
        if vit.scale == "divided":
            scores = sketch("Div", scores, sketch.number(root))
        if vit.bias:
            mask = self.arrays[f"{name}mask"]
            scores = sketch("Add", scores, sketch.weight(mask[0] if vit.batched else mask))
        mixed = sketch("MatMul", sketch("Softmax", scores, axis=-1), v)
        if vit.batched:
            mixed = sketch.reshape(
                mixed, vit.batch or -1, vit.heads, vit.tokens, vit.dim // vit.heads
            )
        return sketch.reshape(
            sketch.transpose(mixed, 0, 2, 1, 3), sketch.batch, vit.tokens, vit.dim
        )

    def parts(self, x: str, name: str) -> list[str]:
        """Give queries, keys and values, each ``(batch, heads, tokens, width)``."""
        vit, sketch = self.vit, self.sketch
        if vit.products == "gather":
            fused = self.linear(x, f"{name}qkv")
            fused = sketch.reshape(fused, sketch.batch, vit.tokens, 3, vit.heads, -1)
            fused = sketch.transpose(fused, 2, 0, 3, 1, 4)
            return [sketch("Gather", fused, sketch.constant(part), axis=0) for part in range(3)]
        if vit.products == "three":
            matrices = np.split(self.arrays[f"{name}qkv"], 3, axis=1)
            biases = np.split(self.arrays[f"{name}qkv.bias"], 3)
            parts = [
                sketch.linear(x, sketch.weight(matrix), sketch.weight(bias))
                for matrix, bias in zip(matrices, biases, strict=True)
            ]
        elif vit.products == "split":
            sides = sketch.constant([vit.dim] * 3)
            parts = sketch.several("Split", self.linear(x, f"{name}qkv"), sides, outputs=3, axis=-1)
        else:
            fused, edges = self.linear(x, f"{name}qkv"), [vit.dim * part for part in range(4)]
            parts = [sketch.slice(fused, 2, start, end) for start, end in itertools.pairwise(edges)]
        return [
            sketch.transpose(
                sketch.reshape(part, sketch.batch, vit.tokens, vit.heads, -1), 0, 2, 1, 3
            )
            for part in parts
        ]

    def folded(self, x: str) -> str:
        vit, sketch = self.vit, self.sketch
        if not vit.batched:
            return x
        rows = -1 if vit.batch is None else vit.batch * vit.heads
        return sketch.reshape(x, rows, vit.tokens, vit.dim // vit.heads)

    def read(self, x: str) -> str:
        vit, sketch = self.vit, self.sketch
        if vit.readout == "token":
            return sketch("Gather", x, sketch.constant(0), axis=1)
        if vit.readout == "mean":
            patches = sketch.slice(x, 1, vit.prefix, vit.tokens) if vit.prefix else x
            return sketch.mean(patches, 1)
        query, keys, values = (
            self.linear(source, f"pool.{part}")
            for source, part in ((self.weight("query"), "q"), (x, "k"), (x, "v"))
        )
        scores = sketch("MatMul", query, sketch.transpose(keys, 0, 2, 1))
        weights = sketch("Softmax", sketch("Div", scores, sketch.number(math.sqrt(vit.dim))))
        return sketch("Squeeze", sketch("MatMul", weights, values), sketch.constant([1]))


def _mask(random: np.random.Generator, heads: int, tokens: int) -> NDArray[np.float64]:
    """Add something to every score, and shut out a fifth; nobody is shut out of oneself."""
    mask = random.standard_normal((1, heads, tokens, tokens))
    mask[(random.random(mask.shape) < 0.2) & ~np.eye(tokens, dtype=bool)] = -1e4
    return mask


def _norm(
    x: NDArray[np.float64], weight: NDArray[np.float64], bias: NDArray[np.float64]
) -> NDArray[np.float64]:
    variance = x.var(-1, keepdims=True) + EPSILON
    return np.asarray((x - x.mean(-1, keepdims=True)) / np.sqrt(variance) * weight + bias)


def _gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))))


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


# What is no ViT, though most of it has attention. Pictures are of 24 x 40 pixels, and their
# patches 3 x 5 of 8 pixels, where nothing else is said.

PIXELS: dict[str, Sequence[Side]] = {"pixels": ("batch", 3, 24, 40)}
DIM, HEADS, CLASSES, PATCHES = 12, 3, 7, 15


def _patches(sketch: Sketch, pixels: str = "pixels", dim: int = DIM) -> str:
    return sketch.flattened(sketch.conv(pixels, 3, dim, 8, 8), dim)


def _classified(
    sketch: Sketch,
    x: str,
    dim: int = DIM,
    inputs: dict[str, Sequence[Side]] = PIXELS,
) -> onnx.ModelProto:
    """Read out the mean over all tokens."""
    scores = sketch.dense(sketch.mean(sketch.normed(x, dim), 1), dim, CLASSES)
    return sketch.model(inputs, {"scores": (scores, ("batch", CLASSES))})


def resnet() -> onnx.ModelProto:
    sketch = Sketch()
    x = sketch("Relu", sketch.conv("pixels", 3, DIM, 7, 2))
    for _ in range(2):
        inner = sketch("Relu", sketch.conv(x, DIM, DIM, 3))
        x = sketch("Relu", sketch("Add", x, sketch.conv(inner, DIM, DIM, 3)))
    pooled = sketch("Flatten", sketch("GlobalAveragePool", x))
    scores = sketch("Gemm", pooled, sketch.noise(DIM, CLASSES), sketch.noise(CLASSES))
    return sketch.model(PIXELS, {"scores": (scores, ("batch", CLASSES))})


def mixer() -> onnx.ModelProto:
    """Tokens, residuals and products of them, and no attention."""
    sketch = Sketch()
    x = _patches(sketch)
    for _ in range(2):
        turned = sketch.transpose(sketch.normed(x, DIM), 0, 2, 1)
        mixed = sketch.gelu(sketch.dense(turned, PATCHES, PATCHES))
        x = sketch("Add", x, sketch.transpose(mixed, 0, 2, 1))
        x = sketch.mlp(x, DIM)
    return _classified(sketch, x)


def windowed(
    sketch: Sketch, x: str, grid: tuple[int, int], side: int, dim: int, *, shift: int = 0
) -> str:
    """A block that attends inside of square windows only, with a bias for relative positions."""
    rows, columns = grid
    across = (rows // side, columns // side)
    tokens = side**2
    normed = sketch.reshape(sketch.normed(x, dim), -1, rows, columns, dim)
    rolled = _rolled(sketch, normed, grid, shift)
    cut = sketch.reshape(rolled, -1, across[0], side, across[1], side, dim)
    windows = sketch.reshape(sketch.transpose(cut, 0, 1, 3, 2, 4, 5), -1, tokens, dim)
    bias = sketch.noise(1, HEADS, tokens, tokens)
    mixed = sketch.attend(windows, windows, dim, HEADS, bias=bias)
    put = sketch.reshape(mixed, -1, across[0], across[1], side, side, dim)
    joined = sketch.reshape(sketch.transpose(put, 0, 1, 3, 2, 4, 5), -1, rows, columns, dim)
    back = _rolled(sketch, joined, grid, -shift)
    x = sketch("Add", x, sketch.reshape(back, -1, rows * columns, dim))
    return sketch.mlp(x, dim)


def _rolled(sketch: Sketch, x: str, grid: tuple[int, int], shift: int) -> str:
    if shift:
        for axis, side in enumerate(grid, 1):
            place = shift % side
            parts = sketch.slice(x, axis, place, side), sketch.slice(x, axis, 0, place)
            x = sketch("Concat", *parts, axis=axis)
    return x


def swin() -> onnx.ModelProto:
    """Windows, shifted windows, a merge of patches, and a last stage of a single window."""
    sketch = Sketch()
    x = _patches(sketch)
    x = windowed(sketch, x, (8, 8), 4, DIM)
    x = windowed(sketch, x, (8, 8), 4, DIM, shift=2)
    cut = sketch.reshape(x, -1, 4, 2, 4, 2, DIM)
    merged = sketch.reshape(sketch.transpose(cut, 0, 1, 3, 2, 4, 5), -1, 16, 4 * DIM)
    x = sketch.dense(sketch.normed(merged, 4 * DIM), 4 * DIM, 2 * DIM)
    x = windowed(sketch, x, (4, 4), 4, 2 * DIM)
    return _classified(sketch, x, 2 * DIM, {"pixels": ("batch", 3, 64, 64)})


def windows_and_one_block() -> onnx.ModelProto:
    """Windows in the first block alone, as detectors have them: the second sees the picture."""
    sketch = Sketch()
    x = windowed(sketch, _patches(sketch), (4, 6), 2, DIM)
    x = sketch.block(x, DIM, HEADS)
    return _classified(sketch, x, inputs={"pixels": ("batch", 3, 32, 48)})


def bert() -> onnx.ModelProto:
    """Words, as many as the patches of a picture would be."""
    sketch = Sketch()
    embedded = sketch("Gather", sketch.noise(97, DIM), "input_ids", axis=0)
    x = sketch.normed(sketch("Add", embedded, sketch.noise(1, PATCHES, DIM)), DIM)
    for _ in range(2):
        x = sketch.normed(sketch("Add", x, sketch.attend(x, x, DIM, HEADS)), DIM)
        wide = sketch.gelu(sketch.dense(x, DIM, 2 * DIM))
        x = sketch.normed(sketch("Add", x, sketch.dense(wide, 2 * DIM, DIM)), DIM)
    model = _classified(sketch, x, inputs={"input_ids": ("batch", PATCHES)})
    model.graph.input[0].type.tensor_type.elem_type = INT64
    return model


def unet() -> onnx.ModelProto:
    """One block of attention at the bottom; what comes out is a picture."""
    sketch = Sketch()
    high = sketch("Relu", sketch.conv("pixels", 3, DIM, 3))
    low = sketch("Relu", sketch.conv(high, DIM, DIM, 8, 8))
    tokens = sketch.block(sketch.flattened(low, DIM), DIM, HEADS)
    low = sketch.reshape(sketch.transpose(tokens, 0, 2, 1), -1, DIM, 3, 5)
    scales = sketch.weight(np.array([1, 1, 8, 8], np.float32))
    up = sketch("Resize", low, "", scales, mode="nearest")
    joined = sketch("Concat", up, high, axis=1)
    drawn = sketch.conv(sketch("Relu", sketch.conv(joined, 2 * DIM, DIM, 3)), DIM, 3, 3)
    return sketch.model(PIXELS, {"picture": (drawn, ("batch", 3, 24, 40))})


def cross_attention() -> onnx.ModelProto:
    """Learned queries look at patches, and at nothing else."""
    sketch = Sketch()
    x = _patches(sketch)
    latents = sketch.sized_as(x, sketch.noise(1, 5, DIM), 5, DIM)
    for _ in range(2):
        mixed = sketch.attend(sketch.normed(latents, DIM), x, DIM, HEADS)
        latents = sketch.mlp(sketch("Add", latents, mixed), DIM)
    return _classified(sketch, latents)


def perceiver(latents: int) -> onnx.ModelProto:
    """Latents look at the patches once, and then at each other: of 17 latents, none is a patch."""
    sketch = Sketch()
    x = _patches(sketch)
    learned = sketch.sized_as(x, sketch.noise(1, latents, DIM), latents, DIM)
    mixed = sketch.attend(sketch.normed(learned, DIM), x, DIM, HEADS)
    learned = sketch.mlp(sketch("Add", learned, mixed), DIM)
    for _ in range(2):
        learned = sketch.block(learned, DIM, HEADS)
    return _classified(sketch, learned)


def reduced_keys() -> onnx.ModelProto:
    """Patches look at groups of four, as in pyramids."""
    sketch = Sketch()
    x = _patches(sketch)
    for _ in range(2):
        normed = sketch.normed(x, DIM)
        picture = sketch.reshape(sketch.transpose(normed, 0, 2, 1), 0, DIM, 4, 6)
        groups = sketch.flattened(sketch.conv(picture, DIM, DIM, 2, 2), DIM)
        x = sketch.mlp(sketch("Add", x, sketch.attend(normed, groups, DIM, HEADS)), DIM)
    return _classified(sketch, x, inputs={"pixels": ("batch", 3, 32, 48)})


def turned_keys() -> onnx.ModelProto:
    """Patches look at patches, of which the last comes first."""
    sketch = Sketch()
    x = sketch("Add", _patches(sketch), sketch.noise(1, PATCHES, DIM))
    backwards = [sketch.constant([value]) for value in (-1, -PATCHES - 1, 1, -1)]
    for _ in range(2):
        normed = sketch.normed(x, DIM)
        turned = sketch("Slice", normed, *backwards)
        x = sketch.mlp(sketch("Add", x, sketch.attend(normed, turned, DIM, HEADS)), DIM)
    return _classified(sketch, x)


def column_by_column() -> onnx.ModelProto:
    """Patches in the order of Fortran."""
    sketch = Sketch()
    turned = sketch.transpose(sketch.conv("pixels", 3, DIM, 8, 8), 0, 1, 3, 2)
    x = sketch("Add", sketch.flattened(turned, DIM), sketch.noise(1, PATCHES, DIM))
    return _classified(sketch, sketch.block(sketch.block(x, DIM, HEADS), DIM, HEADS))


def best_tokens(kept: int) -> onnx.ModelProto:
    """After the first block only the best tokens stay, the very best in front."""
    sketch = Sketch()
    x = sketch("Add", _patches(sketch), sketch.noise(1, PATCHES, DIM))
    x = sketch.block(x, DIM, HEADS)
    scores = sketch.dense(x, DIM, 1)
    _, places = sketch.several("TopK", scores, sketch.constant([kept]), outputs=2, axis=1)
    everywhere = sketch("Concat", *[places] * DIM, axis=2)
    x = sketch("GatherElements", x, everywhere, axis=1)
    return _classified(sketch, sketch.block(x, DIM, HEADS))


def cross_covariance() -> onnx.ModelProto:
    """Channels look at channels: 17 a head, just as many as two tokens and 15 patches."""
    sketch, dim, heads, tokens = Sketch(), 34, 2, PATCHES + 2
    x = _patches(sketch, dim=dim)
    x = sketch("Concat", sketch.sized_as(x, sketch.noise(1, 2, dim), 2, dim), x, axis=1)
    for _ in range(2):
        normed = sketch.normed(x, dim)
        q, k, v = (
            sketch.transpose(
                sketch.reshape(sketch.dense(normed, dim, dim), -1, tokens, heads, 17), 0, 2, 3, 1
            )
            for _ in range(3)
        )
        scores = sketch("MatMul", q, sketch.transpose(k, 0, 1, 3, 2))
        scaled = sketch("Mul", scores, sketch.number(tokens**-0.5))
        mixed = sketch("MatMul", sketch("Softmax", scaled, axis=-1), v)
        joined = sketch.reshape(sketch.transpose(mixed, 0, 3, 1, 2), -1, tokens, dim)
        x = sketch.mlp(sketch("Add", x, sketch.dense(joined, dim, dim)), dim)
    return _classified(sketch, x, dim)


def softmax_over(axis: int) -> onnx.ModelProto:
    """A ViT but for the softmax: of axis -1 it is one, of -2 queries compete, of 1 heads do."""
    sketch = Sketch()
    x = sketch("Add", _patches(sketch), sketch.noise(1, PATCHES, DIM))
    for _ in range(2):
        x = sketch.block(x, DIM, HEADS, axis=axis)
    return _classified(sketch, x)


def grey() -> onnx.ModelProto:
    """A ViT for pictures of one channel."""
    sketch = Sketch()
    x = sketch.flattened(sketch.conv("pixels", 1, DIM, 8, 8), DIM)
    x = sketch.block(sketch("Add", x, sketch.noise(1, PATCHES, DIM)), DIM, HEADS)
    return _classified(sketch, x, inputs={"pixels": ("batch", 1, 24, 40)})


def without_pictures() -> onnx.ModelProto:
    """The blocks of a ViT, which somebody else cuts the patches for."""
    sketch = Sketch()
    x = sketch.block(sketch.block("embedded", DIM, HEADS), DIM, HEADS)
    return _classified(sketch, x, inputs={"embedded": ("batch", PATCHES, DIM)})


def two_pictures() -> onnx.ModelProto:
    """How one picture differs from another."""
    sketch = Sketch()
    one, other = (_patches(sketch, pixels) for pixels in ("pixels", "others"))
    x = sketch.block(sketch("Sub", one, other), DIM, HEADS)
    return _classified(sketch, x, inputs=dict.fromkeys(("pixels", "others"), PIXELS["pixels"]))


def branched() -> onnx.ModelProto:
    """Attention for bright pictures only, which an ``If`` tells from dark ones."""
    sketch = Sketch()
    x = _patches(sketch)
    for _ in range(2):
        bright = sketch("Greater", sketch("ReduceMean", x, keepdims=0), sketch.number(0))
        seeing, blind = sketch.branch(), sketch.branch()
        branches = [
            inner.graph([], [helper.make_tensor_value_info(value, FLOAT, ("batch", PATCHES, DIM))])
            for inner, value in (
                (seeing, seeing.block(x, DIM, HEADS)),
                (blind, blind.mlp(x, DIM)),
            )
        ]
        x = sketch("If", bright, then_branch=branches[0], else_branch=branches[1])
    return _classified(sketch, x)


def looped() -> onnx.ModelProto:
    """One block, run three times by a ``Loop``."""
    sketch = Sketch()
    x = _patches(sketch)
    inner = sketch.branch()
    going = inner("Identity", "go_on")
    value = inner.block("x", DIM, HEADS)
    sides = ("batch", PATCHES, DIM)
    body = inner.graph(
        [
            helper.make_tensor_value_info("turn", INT64, ()),
            helper.make_tensor_value_info("go_on", onnx.TensorProto.BOOL, ()),
            helper.make_tensor_value_info("x", FLOAT, sides),
        ],
        [
            helper.make_tensor_value_info(going, onnx.TensorProto.BOOL, ()),
            helper.make_tensor_value_info(value, FLOAT, sides),
        ],
    )
    return _classified(sketch, sketch("Loop", sketch.constant(3), "", x, body=body))


def no_inputs() -> onnx.ModelProto:
    """A block that looks at what it has always known."""
    sketch = Sketch()
    return _classified(sketch, sketch.block(sketch.noise(1, PATCHES, DIM), DIM, HEADS), inputs={})


def no_nodes() -> onnx.ModelProto:
    return helper.make_model(
        helper.make_graph([], "empty", [], []),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )


NO_VITS: dict[str, Callable[[], onnx.ModelProto]] = {
    "ResNet": resnet,
    "MLP-Mixer": mixer,
    "Swin": swin,
    "BERT": bert,
    "U-Net": unet,
    "cross-attention": cross_attention,
    "Perceiver of 7 latents": lambda: perceiver(7),
    "Perceiver of 17 latents": lambda: perceiver(17),
    "keys of groups": reduced_keys,
    "keys in another order": turned_keys,
    "columns first": column_by_column,
    "9 best tokens": lambda: best_tokens(9),
    "all tokens, the best first": lambda: best_tokens(PATCHES),
    "XCiT": cross_covariance,
    "softmax over the queries": lambda: softmax_over(-2),
    "softmax over the heads": lambda: softmax_over(1),
    "grey pictures": grey,
    "no pictures": without_pictures,
    "two pictures": two_pictures,
    "If": branched,
    "Loop": looped,
    "no inputs": no_inputs,
}
