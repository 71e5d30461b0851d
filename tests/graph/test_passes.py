"""Each small pass: what it does to the structure, and that the numbers stay."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import onnxruntime
import pytest

from vitonnx.errors import ModelFileError
from vitonnx.graph import (
    FreeReshapes,
    FuseLayerNorms,
    NameNodes,
    OrderNodes,
    TransposeWeights,
    find_blocks,
)

HEADER = '<ir_version: 10, opset_import: ["" : 21]>'


def run(model: ir.Model, **inputs: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    return [np.asarray(value) for value in session.run(None, inputs)]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def target(model: ir.Model) -> list[int]:
    reshape = next(node for node in model.graph if node.op_type == "Reshape")
    shape = reshape.inputs[1]
    assert shape is not None
    tensor = ir.convenience.get_const_tensor(shape)
    assert tensor is not None
    return [int(side) for side in tensor.numpy()]


def reshape_model(source: str, sides: str) -> ir.Model:
    rank = sides.count(",") + 1
    return ir.from_onnx_text(
        f"""{HEADER} g (float[{source}] x) => (float[{", ".join("abcdef"[:rank])}] y) {{
            s = Constant <value_ints = [{sides}]> ()
            y = Reshape(x, s)
        }}"""
    )


@pytest.mark.parametrize(
    ("source", "sides", "free"),
    [
        ("batch, 37, 21", "-1, 37, 3, 7", [0, 0, 3, 7]),  # split heads
        ("batch, 37, 3, 7", "-1, 37, 21", [0, 0, -1]),  # merge heads
        ("batch, 5, 7, 21", "-1, 35, 21", [0, -1, 21]),  # patches in a row
        ("batch, 37, 21", "-1, 21", [-1, 21]),  # batch and tokens in one: nothing is known
        ("batch, 21, 2", "-1, 42", [0, -1]),
    ],
)
def test_reshapes_lose_the_grid(source: str, sides: str, free: list[int]) -> None:
    model = reshape_model(source, sides)
    shape = [2, *(int(side) for side in source.split(",")[1:])]
    before = run(model, x=noise(*shape))[0]
    common.ShapeInferencePass()(model)
    FreeReshapes()(model)
    assert target(model) == free
    np.testing.assert_array_equal(run(model, x=noise(*shape))[0], before)


def test_freed_reshapes_serve_another_grid() -> None:
    model = reshape_model("batch, 5, 7, 21", "-1, 35, 21")
    common.ShapeInferencePass()(model)
    FreeReshapes()(model)
    model.graph.inputs[0].shape = ir.Shape(["batch", 11, 3, 21])
    assert run(model, x=noise(2, 11, 3, 21))[0].shape == (2, 33, 21)


@pytest.mark.parametrize("form", ["v = Div(d, r)", "i = Reciprocal(r) v = Mul(d, i)"])
def test_layer_norms_are_fused(form: str) -> None:
    model = ir.from_onnx_text(
        f"""{HEADER} g (float[2, 5, 13] x, float[13] w, float[13] c) => (float[2, 5, 13] y) {{
            a = Constant <value_ints = [-1]> ()
            e = Constant <value = float {{0.001}}> ()
            m = ReduceMean<keepdims = 1>(x, a)
            d = Sub(x, m)
            q = Mul(d, d)
            s = ReduceMean<keepdims = 1>(q, a)
            t = Add(s, e)
            r = Sqrt(t)
            {form}
            n = Mul(v, w)
            y = Add(n, c)
        }}"""
    )
    inputs = {"x": noise(2, 5, 13), "w": noise(13), "c": noise(13)[::-1].copy()}
    before = run(model, **inputs)[0]
    common.ShapeInferencePass()(model)
    assert FuseLayerNorms()(model).modified
    common.RemoveUnusedNodesPass()(model)
    nodes = [node for node in model.graph if node.op_type != "Constant"]
    assert [node.op_type for node in nodes] == ["LayerNormalization"]
    assert nodes[0].attributes.get_float("epsilon") == pytest.approx(0.001)
    # Two float32 layer norms that sum 13 numbers in another order.
    np.testing.assert_allclose(run(model, **inputs)[0], before, atol=1e-5, rtol=0)


def test_weights_take_the_layout_they_are_used_in_and_keep_their_name() -> None:
    model = ir.from_onnx_text(
        f"{HEADER} g (float[2, 3] x) => (float[2, 5] y) "
        "{ t = Transpose<perm = [1, 0]>(w) y = MatMul(x, t) }".replace(
            "(float[2, 3] x)", "(float[2, 3] x, float[5, 3] w)"
        )
    )
    weight = model.graph.inputs[1]
    weight.const_value = ir.tensor(noise(5, 3), name="w")
    model.graph.inputs.remove(weight)
    model.graph.register_initializer(weight)
    before = run(model, x=noise(2, 3))[0]
    TransposeWeights()(model)
    assert [node.op_type for node in model.graph] == ["MatMul"]
    assert list(weight.shape or []) == [3, 5]
    assert list(model.graph.initializers) == ["w"]
    np.testing.assert_array_equal(run(model, x=noise(2, 3))[0], before)


TWO_BLOCKS = f"""{HEADER}
g (float[b, 5, 4] x, float[4, 4] w, float[4] c) => (float[b, 5, 4] y) {{
    k0 = Transpose<perm = [0, 2, 1]>(x)
    q0 = MatMul(x, k0)
    q0b = Add(q0, q0)
    a0 = Softmax(q0b)
    o0 = MatMul(a0, x)
    p0 = MatMul(o0, w)
    b0 = Add(p0, c)
    m0 = Add(b0, x)
    f0 = MatMul(m0, w)
    g0 = Add(c, f0)
    t0 = Add(m0, g0)
    k1 = Transpose<perm = [0, 2, 1]>(t0)
    q1 = MatMul(t0, k1)
    a1 = Softmax(q1)
    o1 = MatMul(a1, t0)
    m1 = Add(t0, o1)
    f1 = MatMul(m1, w)
    t1 = Add(f1, m1)
    y = Softmax(t1)
}}"""


def test_blocks_are_found_by_their_skip_connections() -> None:
    blocks = find_blocks(ir.from_onnx_text(TWO_BLOCKS).graph)
    assert [
        [
            value.name
            for value in (block.attention, block.stream_in, block.stream_middle, block.stream_out)
        ]
        for block in blocks
    ] == [["a0", "x", "m0", "t0"], ["a1", "t0", "m1", "t1"]]


def test_an_attention_without_skip_connection_is_refused() -> None:
    model = ir.from_onnx_text(
        f"{HEADER} g (float[b, 5, 5] x) => (float[b, 5, 5] y) {{ a = Softmax(x) y = MatMul(a, x) }}"
    )
    with pytest.raises(ModelFileError, match="no skip connection"):
        find_blocks(model.graph)


def test_nodes_are_named_by_block_and_branch() -> None:
    model = ir.from_onnx_text(TWO_BLOCKS)
    NameNodes(frozenset())(model)
    names = [node.name for node in model.graph]
    assert names[0] == "block_00/attention/transpose"
    assert names[3] == "block_00/attention/softmax"
    assert names[8:11] == ["block_00/mlp/matmul", "block_00/mlp/add", "block_00/mlp/add_2"]
    assert names[13] == "block_01/attention/softmax"
    assert names[-1] == "head/softmax"
    assert len(set(names)) == len(names)
    assert [value.name for value in model.graph.outputs] == ["y"]


def test_the_order_of_nodes_does_not_depend_on_where_they_stood() -> None:
    model = ir.from_onnx_text(TWO_BLOCKS)
    shuffled = ir.from_onnx_text(TWO_BLOCKS)
    nodes = list(shuffled.graph)
    shuffled.graph.remove(nodes)
    shuffled.graph.extend(np.random.default_rng(3).permutation(np.array(nodes, object)))
    OrderNodes()(model)
    OrderNodes()(shuffled)
    assert [n.outputs[0].name for n in model.graph] == [n.outputs[0].name for n in shuffled.graph]
    assert run(model, x=noise(1, 5, 4), w=noise(4, 4), c=noise(4))[0].shape == (1, 5, 4)
