"""Networks of other kinds, most of which attend to something: none is a Vision Transformer."""

from __future__ import annotations

import numpy as np
import onnx

from tap.foreign_sketch import INT64, Sketch
from tap.no_vit_parts import CLASSES, DIM, HEADS, PATCHES, PIXELS, classified, patches


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
    x = patches(sketch)
    for _ in range(2):
        turned = sketch.transpose(sketch.normed(x, DIM), 0, 2, 1)
        mixed = sketch.gelu(sketch.dense(turned, PATCHES, PATCHES))
        x = sketch("Add", x, sketch.transpose(mixed, 0, 2, 1))
        x = sketch.mlp(x, DIM)
    return classified(sketch, x)


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
    x = patches(sketch)
    x = windowed(sketch, x, (8, 8), 4, DIM)
    x = windowed(sketch, x, (8, 8), 4, DIM, shift=2)
    cut = sketch.reshape(x, -1, 4, 2, 4, 2, DIM)
    merged = sketch.reshape(sketch.transpose(cut, 0, 1, 3, 2, 4, 5), -1, 16, 4 * DIM)
    x = sketch.dense(sketch.normed(merged, 4 * DIM), 4 * DIM, 2 * DIM)
    x = windowed(sketch, x, (4, 4), 4, 2 * DIM)
    return classified(sketch, x, 2 * DIM, {"pixels": ("batch", 3, 64, 64)})


def windows_and_one_block() -> onnx.ModelProto:
    """Windows in the first block alone, as detectors have them: the second sees the picture."""
    sketch = Sketch()
    x = windowed(sketch, patches(sketch), (4, 6), 2, DIM)
    x = sketch.block(x, DIM, HEADS)
    return classified(sketch, x, inputs={"pixels": ("batch", 3, 32, 48)})


def bert() -> onnx.ModelProto:
    """Words, as many as the patches of a picture would be."""
    sketch = Sketch()
    embedded = sketch("Gather", sketch.noise(97, DIM), "input_ids", axis=0)
    x = sketch.normed(sketch("Add", embedded, sketch.noise(1, PATCHES, DIM)), DIM)
    for _ in range(2):
        x = sketch.normed(sketch("Add", x, sketch.attend(x, x, DIM, HEADS)), DIM)
        wide = sketch.gelu(sketch.dense(x, DIM, 2 * DIM))
        x = sketch.normed(sketch("Add", x, sketch.dense(wide, 2 * DIM, DIM)), DIM)
    model = classified(sketch, x, inputs={"input_ids": ("batch", PATCHES)})
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
    x = patches(sketch)
    latents = sketch.sized_as(x, sketch.noise(1, 5, DIM), 5, DIM)
    for _ in range(2):
        mixed = sketch.attend(sketch.normed(latents, DIM), x, DIM, HEADS)
        latents = sketch.mlp(sketch("Add", latents, mixed), DIM)
    return classified(sketch, latents)


def perceiver(latents: int) -> onnx.ModelProto:
    """Latents look at the patches once, and then at each other: of 17 latents, none is a patch."""
    sketch = Sketch()
    x = patches(sketch)
    learned = sketch.sized_as(x, sketch.noise(1, latents, DIM), latents, DIM)
    mixed = sketch.attend(sketch.normed(learned, DIM), x, DIM, HEADS)
    learned = sketch.mlp(sketch("Add", learned, mixed), DIM)
    for _ in range(2):
        learned = sketch.block(learned, DIM, HEADS)
    return classified(sketch, learned)


def reduced_keys() -> onnx.ModelProto:
    """Patches look at groups of four, as in pyramids."""
    sketch = Sketch()
    x = patches(sketch)
    for _ in range(2):
        normed = sketch.normed(x, DIM)
        picture = sketch.reshape(sketch.transpose(normed, 0, 2, 1), 0, DIM, 4, 6)
        groups = sketch.flattened(sketch.conv(picture, DIM, DIM, 2, 2), DIM)
        x = sketch.mlp(sketch("Add", x, sketch.attend(normed, groups, DIM, HEADS)), DIM)
    return classified(sketch, x, inputs={"pixels": ("batch", 3, 32, 48)})


def cross_covariance() -> onnx.ModelProto:
    """Channels look at channels: 17 a head, just as many as two tokens and 15 patches."""
    sketch, dim, heads, tokens = Sketch(), 34, 2, PATCHES + 2
    x = patches(sketch, dim=dim)
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
    return classified(sketch, x, dim)
