"""The graph of a foreign Vision Transformer, written as its layout says."""

from __future__ import annotations

import itertools
import math

import numpy as np
import onnx

from tap.foreign_layout import Layout
from tap.foreign_sketch import Floats, Sketch


class Drawing:
    """The nodes of a ViT."""

    def __init__(self, vit: Layout, sketch: Sketch, weights: dict[str, Floats]) -> None:
        self.vit, self.sketch, self.arrays = vit, sketch, weights

    def weight(self, name: str) -> str:
        return self.sketch.weight(self.arrays[name])

    def draw(self, pixels: str) -> str:
        sketch = self.sketch
        if self.vit.precision == "fp16":
            pixels = sketch("Cast", pixels, to=onnx.TensorProto.FLOAT16)
        x = self.embed(pixels)
        for block in range(self.vit.blocks):
            x = self.block(x, f"{block}.")
        if self.vit.norm_first:
            x = sketch.norm(x, self.weight("norm"), self.weight("norm.bias"))
        return sketch("Gemm", self.read(x), self.weight("head"), self.weight("head.bias"), transB=1)

    def embed(self, pixels: str) -> str:
        vit, sketch = self.vit, self.sketch
        strides = [vit.stride or vit.patch] * 2
        kernel, bias = self.weight("patch"), self.weight("patch.bias")
        x = sketch.flattened(sketch("Conv", pixels, kernel, bias, strides=strides), vit.dim)
        placed, later = np.split(self.arrays["prefix"], [vit.placed], axis=1)
        if vit.placed:
            x = sketch("Concat", self.token(x, placed), x, axis=1)
        if vit.suffix:
            x = sketch("Concat", x, self.token(x, self.arrays["suffix"]), axis=1)
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
        if not self.vit.norm_first:
            mixed = self.linear(self.attention(x, name), f"{name}out")
            x = self.norm(sketch("Add", x, mixed), f"{name}norm1")
            wide = sketch("Relu", self.linear(x, f"{name}up"))
            return self.norm(sketch("Add", x, self.linear(wide, f"{name}down")), f"{name}norm2")
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
        if vit.softmax in ("keys first", "sum"):
            q, k = k, q
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
        mixed = sketch("MatMul", self.weighed(scores), v)
        if vit.batched:
            mixed = sketch.reshape(
                mixed, vit.batch or -1, vit.heads, vit.tokens, vit.dim // vit.heads
            )
        return sketch.reshape(
            sketch.transpose(mixed, 0, 2, 1, 3), sketch.batch, vit.tokens, vit.dim
        )

    def weighed(self, scores: str) -> str:
        vit, sketch = self.vit, self.sketch
        turned = (0, 2, 1) if vit.batched else (0, 1, 3, 2)
        if vit.softmax == "last":
            return sketch("Softmax", scores, axis=-1)
        if vit.softmax == "keys first":
            return sketch.transpose(sketch("Softmax", scores, axis=len(turned) - 2), *turned)
        if vit.softmax == "logarithm":
            return sketch("Exp", sketch("LogSoftmax", scores, axis=-1))
        if vit.softmax == "sum":
            powers = sketch("Exp", scores)
            total = sketch("ReduceSum", powers, sketch.constant([len(turned) - 2]))
            return sketch.transpose(sketch("Div", powers, total), *turned)
        rows = sketch("Softmax", sketch.reshape(scores, -1, vit.tokens), axis=1)
        heads = () if vit.batched else (vit.heads,)
        return sketch.reshape(rows, -1, *heads, vit.tokens, vit.tokens)

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
            patches = x
            if vit.prefix or vit.suffix:
                patches = sketch.slice(x, 1, vit.prefix, vit.prefix + vit.patches)
            return sketch.mean(patches, 1)
        query, keys, values = (
            self.linear(source, f"pool.{part}")
            for source, part in ((self.weight("query"), "q"), (x, "k"), (x, "v"))
        )
        scores = sketch("MatMul", query, sketch.transpose(keys, 0, 2, 1))
        weights = sketch("Softmax", sketch("Div", scores, sketch.number(math.sqrt(vit.dim))))
        return sketch("Squeeze", sketch("MatMul", weights, values), sketch.constant([1]))
