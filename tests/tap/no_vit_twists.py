"""Vision Transformers but for one thing, with which their maps would say something else."""

from __future__ import annotations

import onnx
from onnx import helper

from tap.foreign_sketch import FLOAT, INT64, Sketch
from tap.no_vit_parts import DIM, HEADS, PATCHES, PIXELS, classified, patches


def turned_keys() -> onnx.ModelProto:
    """Patches look at patches, of which the last comes first."""
    sketch = Sketch()
    x = sketch("Add", patches(sketch), sketch.noise(1, PATCHES, DIM))
    backwards = [sketch.constant([value]) for value in (-1, -PATCHES - 1, 1, -1)]
    for _ in range(2):
        normed = sketch.normed(x, DIM)
        turned = sketch("Slice", normed, *backwards)
        x = sketch.mlp(sketch("Add", x, sketch.attend(normed, turned, DIM, HEADS)), DIM)
    return classified(sketch, x)


def column_by_column() -> onnx.ModelProto:
    """Patches in the order of Fortran."""
    sketch = Sketch()
    turned = sketch.transpose(sketch.conv("pixels", 3, DIM, 8, 8), 0, 1, 3, 2)
    x = sketch("Add", sketch.flattened(turned, DIM), sketch.noise(1, PATCHES, DIM))
    return classified(sketch, sketch.block(sketch.block(x, DIM, HEADS), DIM, HEADS))


def best_tokens(kept: int) -> onnx.ModelProto:
    """After the first block only the best tokens stay, the very best in front."""
    sketch = Sketch()
    x = sketch("Add", patches(sketch), sketch.noise(1, PATCHES, DIM))
    x = sketch.block(x, DIM, HEADS)
    scores = sketch.dense(x, DIM, 1)
    _, places = sketch.several("TopK", scores, sketch.constant([kept]), outputs=2, axis=1)
    everywhere = sketch("Concat", *[places] * DIM, axis=2)
    x = sketch("GatherElements", x, everywhere, axis=1)
    return classified(sketch, sketch.block(x, DIM, HEADS))


def softmax_over(axis: int) -> onnx.ModelProto:
    """A ViT but for the softmax: of axis -1 it is one, of -2 queries compete, of 1 heads do."""
    sketch = Sketch()
    x = sketch("Add", patches(sketch), sketch.noise(1, PATCHES, DIM))
    for _ in range(2):
        x = sketch.block(x, DIM, HEADS, axis=axis)
    return classified(sketch, x)


def grey() -> onnx.ModelProto:
    """A ViT for pictures of one channel."""
    sketch = Sketch()
    x = sketch.flattened(sketch.conv("pixels", 1, DIM, 8, 8), DIM)
    x = sketch.block(sketch("Add", x, sketch.noise(1, PATCHES, DIM)), DIM, HEADS)
    return classified(sketch, x, inputs={"pixels": ("batch", 1, 24, 40)})


def without_pictures() -> onnx.ModelProto:
    """The blocks of a ViT, which somebody else cuts the patches for."""
    sketch = Sketch()
    x = sketch.block(sketch.block("embedded", DIM, HEADS), DIM, HEADS)
    return classified(sketch, x, inputs={"embedded": ("batch", PATCHES, DIM)})


def two_pictures() -> onnx.ModelProto:
    """How one picture differs from another."""
    sketch = Sketch()
    one, other = (patches(sketch, pixels) for pixels in ("pixels", "others"))
    x = sketch.block(sketch("Sub", one, other), DIM, HEADS)
    return classified(sketch, x, inputs=dict.fromkeys(("pixels", "others"), PIXELS["pixels"]))


def branched() -> onnx.ModelProto:
    """Attention for bright pictures only, which an ``If`` tells from dark ones."""
    sketch = Sketch()
    x = patches(sketch)
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
    return classified(sketch, x)


def looped() -> onnx.ModelProto:
    """One block, run three times by a ``Loop``."""
    sketch = Sketch()
    x = patches(sketch)
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
    return classified(sketch, sketch("Loop", sketch.constant(3), "", x, body=body))


def no_inputs() -> onnx.ModelProto:
    """A block that looks at what it has always known."""
    sketch = Sketch()
    return classified(sketch, sketch.block(sketch.noise(1, PATCHES, DIM), DIM, HEADS), inputs={})


def no_nodes() -> onnx.ModelProto:
    return helper.make_model(
        helper.make_graph([], "empty", [], []),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
