"""Vision Transformers that others made: their graphs, with their answers in NumPy."""

from __future__ import annotations

import math

import numpy as np
import onnx
from numpy.typing import NDArray

from tap.foreign_drawing import Drawing
from tap.foreign_layout import Layout
from tap.foreign_sketch import EPSILON, Floats, Side, Sketch


class ForeignViT(Layout):
    """A layout that can be drawn, and asked what its graph has to answer."""

    def model(self) -> onnx.ModelProto:
        """Draw the graph: input ``pixels``, output ``scores``."""
        sketch = Sketch(self.opset, precision=self.precision, batch=self.batch or 0)
        drawing = Drawing(self, sketch, self.weights())
        batch: Side = "batch" if self.said_open else self.batch or "batch"
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
            norms = [(own[f"norm{part}"], own[f"norm{part}.bias"]) for part in (1, 2)]
            read = _norm(x, *norms[0]) if self.norm_first else x
            attention, values = self._attention(read, own)
            mixed = np.moveaxis(attention @ values, 1, 2).reshape(x.shape)
            x = x + mixed @ own["out"] + own["out.bias"]
            if self.norm_first:
                wide = _gelu(_norm(x, *norms[1]) @ own["up"] + own["up.bias"])
                x = x + wide @ own["down"] + own["down.bias"]
            else:
                x = _norm(x, *norms[0])
                wide = np.maximum(x @ own["up"] + own["up.bias"], 0)
                x = _norm(x + wide @ own["down"] + own["down.bias"], *norms[1])
            found[f"block_{block:02}/attention"] = attention
            found[f"block_{block:02}/tokens"] = x
        if self.norm_first:
            x = _norm(x, weights["norm"], weights["norm.bias"])
        found["embedding"] = self._read(x, weights)
        found["logits"] = found["embedding"] @ weights["head"].T + weights["head.bias"]
        return found

    def _embed(
        self, pixels: NDArray[np.float64], weights: dict[str, NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        (rows, columns), side = self.grid, self.patch
        pixels = pixels[..., : rows * side, : columns * side]
        cut = pixels.reshape(len(pixels), 3, rows, side, columns, side)
        patches = np.einsum("bcryxz,dcyz->brxd", cut, weights["patch"]) + weights["patch.bias"]
        patches = patches.reshape(len(pixels), self.patches, self.dim)
        prefix = np.repeat(weights["prefix"], len(pixels), axis=0)
        parts = [prefix[:, : self.placed], patches]
        if self.suffix:
            parts.append(np.repeat(weights["suffix"], len(pixels), axis=0))
        x = np.concatenate(parts, 1) + weights["positions"]
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
            return np.asarray(x[:, self.prefix : self.prefix + self.patches].mean(1))
        query, keys, values = (
            source @ weights[f"pool.{part}"] + weights[f"pool.{part}.bias"]
            for source, part in ((weights["query"], "q"), (x, "k"), (x, "v"))
        )
        scores = query @ keys.swapaxes(-1, -2)
        return np.asarray((_softmax(scores / math.sqrt(self.dim)) @ values)[:, 0])


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
