"""Fused operators written out: the numbers of the runtime's own kernels, in standard operators."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

from graph.small_graphs import HEADER, check, graph, kinds, noise, run
from vitonnx.errors import ModelFileError
from vitonnx.tap._plain import Plain
from vitonnx.tap._softmax import LastAxisSoftmax
from vitonnx.tap._unfuse import Unfuse

# Kernels sum in another order, and some take GELU's curve from a table of their own.
TOLERANCE: dict[str, Any] = {"atol": 2e-6, "rtol": 1e-5}

TOKENS = {"x": noise(2, 7, 15), "k": noise(2, 7, 15, seed=1), "v": noise(2, 7, 15, seed=2)}

# Signature, constants, nodes; inputs that are noise of these shapes.
GRAPHS: dict[str, tuple[str, str]] = {
    "MultiHeadAttention": (
        "(float[b, 7, 15] x, float[b, 7, 15] k, float[b, 7, 15] v) => (float[b, 7, 15] y)",
        "y = com.microsoft.MultiHeadAttention<num_heads = 3>(x, k, v)",
    ),
    "MultiHeadAttention, scaled, with biases": (
        "(float[b, 7, 15] x, float[b, 7, 15] k, float[b, 7, 15] v, float[45] c, "
        "float[1, 3, 7, 7] d) => (float[b, 7, 15] y)",
        'y = com.microsoft.MultiHeadAttention<num_heads = 3, scale = 0.3>(x, k, v, c, "", d)',
    ),
    "Attention of com.microsoft": (
        "(float[b, 7, 15] x, float[15, 45] m, float[45] c) => (float[b, 7, 15] y)",
        "y = com.microsoft.Attention<num_heads = 3>(x, m, c)",
    ),
    "SkipLayerNormalization": (
        "(float[b, 7, 15] x, float[b, 7, 15] k, float[15] g, float[15] h, float[15] i) => "
        "(float[b, 7, 15] y, float[b, 7, 15] z)",
        'y, "", "", z = com.microsoft.SkipLayerNormalization<epsilon = 0.01>(x, k, g, h, i)',
    ),
    "BiasGelu": (
        "(float[b, 7, 15] x, float[15] g) => (float[b, 7, 15] y)",
        "y = com.microsoft.BiasGelu(x, g)",
    ),
    "FastGelu": (
        "(float[b, 7, 15] x, float[15] g) => (float[b, 7, 15] y)",
        "y = com.microsoft.FastGelu(x, g)",
    ),
    "QuickGelu": (
        "(float[b, 7, 15] x) => (float[b, 7, 15] y)",
        "y = com.microsoft.QuickGelu<alpha = 1.5>(x)",
    ),
    "FusedMatMul": (
        "(float[b, 7, 15] x, float[b, 7, 15] k) => (float[b, 7, 7] y)",
        "y = com.microsoft.FusedMatMul<transB = 1, alpha = 0.3>(x, k)",
    ),
}
SHAPES = {"c": (45,), "d": (1, 3, 7, 7), "m": (15, 45), "g": (15,), "h": (15,), "i": (15,)}


def feed(model: ir.Model) -> dict[str, NDArray[np.float32]]:
    names = [str(value.name) for value in model.graph.inputs]
    return {
        name: TOKENS[name] if name in TOKENS else noise(*SHAPES[name], seed=ord(name))
        for name in names
    }


def unfused(model: ir.Model) -> ir.Model:
    for value in model.graph.outputs:  # the runtime's own operators have no inference in ONNX
        value.type = ir.TensorType(ir.DataType.FLOAT)
    Unfuse()(model)
    check(model)
    return model


@pytest.mark.parametrize("name", GRAPHS)
def test_the_numbers_are_the_kernels_own(name: str) -> None:
    signature, body = GRAPHS[name]
    model = ir.from_onnx_text(f"{HEADER} g {signature} {{ {body} }}")
    model.graph[0].name = "fused"
    inputs = feed(model)
    expected = run(model, **inputs)
    assert {node.domain for node in unfused(model).graph} == {""}
    found = run(model, **inputs)
    for output, values in expected.items():
        np.testing.assert_allclose(found[output], values, **TOLERANCE)


def test_the_softmax_of_an_unfused_attention_can_be_read() -> None:
    signature, body = GRAPHS["MultiHeadAttention"]
    model = ir.from_onnx_text(f"{HEADER} g {signature} {{ {body} }}")
    unfused(model)
    assert kinds(model).count("Softmax") == 1
    assert kinds(model).count("MatMul") == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("y = com.microsoft.MultiHeadAttention<num_heads = 3, unidirectional = 1>(x, k, v)", "all"),
        ("y, p = com.microsoft.MultiHeadAttention<num_heads = 3>(x, k, v) z = Abs(p)", "gives"),
    ],
)
def test_what_no_vision_transformer_does_is_refused(body: str, reason: str) -> None:
    signature = GRAPHS["MultiHeadAttention"][0].replace("y)", "y, float[b, 3, 7, 5] z)")
    if " z = " not in body:
        signature = GRAPHS["MultiHeadAttention"][0]
    model = ir.from_onnx_text(f"{HEADER} g {signature} {{ {body} }}")
    with pytest.raises(ModelFileError, match=reason):
        Unfuse()(model)


def numbers(signature: str, body: str) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Give the operators that are left, and what a graph computes before and after."""
    model = graph(signature, body)
    inputs = {"x": noise(2, 7, 15)}
    before = run(model, **inputs)
    Plain()(model)
    LastAxisSoftmax()(model)
    check(model)
    return kinds(model), before, run(model, **inputs)


def test_a_softmax_that_is_written_out_becomes_one() -> None:
    left, before, after = numbers(
        "(float[b, 7, 15] x) => (float[b, 7, 15] y) <int64[1] last = {-1}>",
        "m = ReduceMax(x, last) d = Sub(x, m) e = Exp(d) t = ReduceSum(e, last) y = Div(e, t)",
    )
    assert "Softmax" in left
    assert "Exp" not in left
    np.testing.assert_allclose(after["y"], before["y"], **TOLERANCE)


def test_a_softmax_over_tokens_is_one_over_the_last_axis_of_what_is_turned() -> None:
    left, before, after = numbers(
        "(float[b, 7, 15] x) => (float[b, 7, 15] y) <int64[1] tokens = {1}>",
        "e = Exp(x) t = ReduceSum(e, tokens) y = Div(e, t)",
    )
    assert left == ["Transpose", "Softmax", "Transpose"]
    np.testing.assert_allclose(after["y"], before["y"], **TOLERANCE)


def test_a_sum_over_two_axes_is_no_softmax() -> None:
    left, _, _ = numbers(
        "(float[b, 7, 15] x) => (float[b, 7, 15] y) <int64[2] both = {1, 2}>",
        "e = Exp(x) t = ReduceSum(e, both) y = Div(e, t)",
    )
    assert "Softmax" not in left


def test_a_guard_against_what_is_no_number_is_taken_off() -> None:
    left, before, after = numbers(
        "(float[b, 7, 15] x) => (float[b, 7, 15] y) <float nothing = {0}>",
        "s = Softmax(x) n = IsNaN(s) g = Where(n, nothing, s) y = Mul(g, g)",
    )
    assert left == ["Softmax", "Mul"]
    np.testing.assert_array_equal(after["y"], before["y"])
