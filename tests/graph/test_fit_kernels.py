"""Graphs fitted to what a provider has: other operators, and the same numbers."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from graph.small_graphs import check, graph, kinds, noise, run
from vitonnx.graph import ANY_PROVIDER, FitKernels, has_kernel, provider_of


def fitted(model: ir.Model, provider: str = "webgpu") -> ir.Model:
    result = FitKernels(provider_of(provider))(model)
    check(result.model)
    assert not FitKernels(provider_of(provider))(result.model).modified
    return result.model


def test_bytes_are_dequantised() -> None:
    """All 256, to the bit."""
    signature, body = "(uint8[b, 4] x) => (float[b, 4] y)", "y = Cast<to = 1>(x)"
    model = fitted(graph(signature, body))
    assert kinds(model) == ["DequantizeLinear"]
    pixels = np.arange(256, dtype=np.uint8).reshape(64, 4)
    np.testing.assert_array_equal(run(model, x=pixels)["y"], pixels.astype(np.float32))


def test_sums_are_cast_last() -> None:
    signature = "(float[b, 3, 50] x) => (double[b, 2, 3] y)"
    signature += " <int64[1] one = {1}, int64[1] last = {2}, double many = {50.0}>"
    body = """
        doubles = Cast<to = 11>(x)
        sums = ReduceSum<keepdims = 0>(doubles, last)
        means = Div(sums, many)
        apart = Unsqueeze(means, one)
        y = Concat<axis = 1>(apart, apart)
    """
    expected = run(graph(signature, body), x=(x := noise(5, 3, 50)))["y"]
    model = fitted(graph(signature, body))
    assert kinds(model) == ["ReduceSum", "Div", "Unsqueeze", "Concat", "Cast"]
    (output,) = model.graph.outputs
    assert (output.name, output.dtype) == ("y", ir.DataType.DOUBLE)
    # Sums of 50 single numbers of the order of 1.
    np.testing.assert_allclose(run(model, x=x)["y"], expected, atol=1e-6)


@pytest.mark.parametrize("provider", ["openvino", ANY_PROVIDER])
@pytest.mark.parametrize("axis", [-1, 1])
def test_norms_give_mean_and_deviation_beside_them(axis: int, provider: str) -> None:
    kept = ["b", "5" if axis == -1 else "1", "1"]
    few = ", ".join(kept)
    own = "7" if axis == -1 else "5, 7"
    signature = f"(float[b, 5, 7] x, float[{own}] scale, float[{own}] shift) => "
    signature += f"(float[b, 5, 7] y, float[{few}] mean, float[{few}] inverse)"
    body = f"y, mean, inverse = LayerNormalization<axis = {axis}, epsilon = 0.1>(x, scale, shift)"
    sides = (7,) if axis == -1 else (5, 7)
    feed = {"x": noise(3, 5, 7) + 3, "scale": noise(*sides), "shift": noise(*sides, seed=1)}
    expected = run(graph(signature, body), **feed)
    model = fitted(graph(signature, body), provider)
    (norm,) = (node for node in model.graph if node.op_type == "LayerNormalization")
    assert len(norm.outputs) == 1
    found = run(model, **feed)
    assert list(found) == ["y", "mean", "inverse"]
    # A dozen single numbers in another order; older runtimes take the mean of squares less the
    # square of the mean, which is larger than the variance by 9.
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)


def test_norms_of_one_output_stay() -> None:
    model = graph(
        "(float[b, 7] x, float[7] scale) => (float[b, 7] y)", "y = LayerNormalization(x, scale)"
    )
    assert not FitKernels(provider_of("openvino"))(model).modified


def test_differences_stay_in_doubles() -> None:
    signature = "(float[b, 3] x) => (double[b, 3] y)"
    model = graph(signature, "doubles = Cast<to = 11>(x)  y = Sub(doubles, doubles)")
    assert not FitKernels(provider_of("webgpu"))(model).modified


def test_what_is_below_zero_is_rectified() -> None:
    signature = "(float[b, 7] x) => (float[b, 7] y) <float zero = {0.0}>"
    model = fitted(graph(signature, "y = Max(x, zero)"))
    assert kinds(model) == ["Relu"]
    np.testing.assert_array_equal(run(model, x=(x := noise(3, 7)))["y"], np.maximum(x, 0))


@pytest.mark.parametrize(("axis", "keep"), [(-1, 0), (1, 1), (1, 0)])
def test_places_of_the_largest_are_numbers(axis: int, keep: int) -> None:
    sides = [["b", 5, 7][place] for place in range(3) if keep or place != axis % 3]
    sides = [1 if keep and place == axis % 3 else side for place, side in enumerate(sides)]
    signature = f"(float[b, 5, 7] x) => (float[{', '.join(map(str, sides))}] y)"
    body = f"place = ArgMax<axis = {axis}, keepdims = {keep}>(x)  y = Cast<to = 1>(place)"
    model = fitted(graph(signature, body))
    assert kinds(model) == ["ReduceMax", "Equal", "Where", "ReduceMin"]
    x = noise(2, 5, 7).round()  # several are the largest
    expected = np.argmax(x, axis=axis, keepdims=bool(keep))
    np.testing.assert_array_equal(run(model, x=x)["y"], expected.astype(np.float32))


@pytest.mark.parametrize("provider", ["", "cpu", "cuda", "coreml"])
def test_others_take_the_graph_as_it_is(provider: str) -> None:
    model = graph("(uint8[b, 4] x) => (float[b, 4] y)", "y = Cast<to = 1>(x)")
    assert not FitKernels(provider_of(provider))(model).modified
    assert all(has_kernel(node, provider_of(provider)) for node in model.graph)


def test_cuda_reduces_no_truth_values() -> None:
    signature = "(bool[b, 4] x) => (bool[b] y) <int64[1] one = {1}>"
    model = graph(signature, "y = ReduceMax<keepdims = 0>(x, one)")
    assert not has_kernel(model.graph[0], provider_of("cuda"))
