"""What has no derivative: steps, rounding, and operators that no rule is known for."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from graph.gradients.differences import Array, checked, derive
from graph.small_graphs import graph, noise
from vitonnx.errors import UsageError
from vitonnx.graph.gradients import Arithmetic, differentiate

X = noise(3, 2, 5)
SEED = noise(3, 2, 7, seed=1)
NUMBERS = np.random.default_rng(2).integers(-9, 9, (5, 7))


def gradient_of(model: ir.Model, seed: Array, **inputs: Array) -> Array:
    wanted = [value for value in model.graph.inputs if value.dtype == ir.DataType.FLOAT]
    sides = [side if isinstance(side, int) else "n" for side in model.graph.outputs[0].shape or ()]
    derive(model, model.graph.outputs[0], sides, wanted, "g")
    return checked(model)(**inputs, **{"g/seed": seed})["g/x"]


def listed(numbers: Array) -> str:
    return "{" + ", ".join(map(str, numbers.ravel().tolist())) + "}"


def test_rounding_between_scales_is_passed_straight_through() -> None:
    model = graph(
        "(float[n, 2, 7] x) => (float[n, 2, 7] y) <float scale = {0.5}, uint8 zero = {128}>",
        "a = QuantizeLinear(x, scale, zero) y = DequantizeLinear(a, scale, zero)",
    )
    np.testing.assert_array_equal(gradient_of(model, SEED, x=noise(3, 2, 7)), SEED)


@pytest.mark.parametrize("axis", [1, -1])
def test_each_channel_has_its_scale(axis: int) -> None:
    count = 2 if axis == 1 else 7
    scales = np.arange(1, count + 1) / 4
    model = graph(
        f"(float[n, 2, 7] x) => (float[n, 2, 7] y) <float[{count}] s = {listed(scales)},"
        f" int8[{count}] zero = {listed(np.zeros(count, int))}, float half = {{0.5}},"
        f" int8 none = {{0}}>",
        f"a = QuantizeLinear(x, half, none) y = DequantizeLinear<axis = {axis}>(a, s, zero)",
    )
    expected = SEED * 2 * (scales[:, None] if axis == 1 else scales)
    np.testing.assert_allclose(gradient_of(model, SEED, x=noise(3, 2, 7)), expected, rtol=1e-6)


@pytest.mark.parametrize("zeros", [np.asarray(3), np.asarray([1, 2, 0, -1, 4, 0, 2])])
def test_a_product_of_whole_numbers_has_the_gradient_of_its_weights(zeros: Array) -> None:
    kind = f"int8[{zeros.size}]" if zeros.ndim else "int8"
    model = graph(
        "(float[n, 2, 5] x) => (float[n, 2, 7] y)"
        f" <int8[5, 7] w = {listed(NUMBERS)}, {kind} zero = {listed(zeros)}, float s = {{0.25}}>",
        """a, scale, z = DynamicQuantizeLinear(x) b = MatMulInteger(a, w, z, zero)
        c = Cast<to = 1>(b) d = Mul(scale, s) y = Mul(c, d)""",
    )
    expected = SEED @ ((NUMBERS - zeros) * 0.25).T
    np.testing.assert_allclose(gradient_of(model, SEED, x=X), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("step", ["Round", "Floor", "Ceil", "Sign"])
def test_steps_have_none(step: str) -> None:
    model = graph(
        "(float[n, 2, 7] x) => (float[n, 2, 7] y)", f"a = {step}(x) b = Mul(a, x) y = Add(a, b)"
    )
    x = noise(3, 2, 7, seed=4)
    rounded = getattr(np, step.lower())(x)
    np.testing.assert_allclose(gradient_of(model, SEED, x=x), SEED * rounded, rtol=1e-6)


def test_what_only_decides_needs_no_rule() -> None:
    model = graph(
        "(float[n, 2, 7] x) => (float[n, 2, 7] y) <float low = {0.5}>",
        """a = Sinh(x) b = Greater(a, low) c = Cast<to = 7>(x) d = Cast<to = 1>(c)
        e = Where(b, x, d) y = Add(e, x)""",
    )
    x = noise(3, 2, 7, seed=4)
    expected = SEED * (1 + (np.sinh(x) > 0.5))
    np.testing.assert_allclose(gradient_of(model, SEED, x=x), expected, rtol=1e-6)


def refused(model: ir.Model) -> str:
    y = model.graph.outputs[0]
    seed = ir.Value(name="seed", shape=y.shape, type=ir.TensorType(ir.DataType.FLOAT))
    with pytest.raises(UsageError) as caught:
        differentiate(
            Arithmetic(model.graph, "g"), y, seed, [model.graph.inputs[0]], list(model.graph)
        )
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_an_operator_without_a_rule_is_named() -> None:
    model = graph("(float[n, 7] x) => (float[n, 7] y)", "a = Relu(x) y = Sinh(a)")
    assert "no rule is known for the gradient of Sinh 'sinh_1'" in refused(model)


def test_an_operator_of_another_library_is_named() -> None:
    model = graph("(float[n, 7] x) => (float[n, 7] y)", "a = com.others.Relu(x) y = Neg(a)")
    model.graph.node(1).inputs[0].shape = ir.Shape(["n", 7])  # type: ignore[union-attr]
    assert "no rule is known for the gradient of Relu" in refused(model)


UNKNOWN = [
    ("x, int64[3] w", "y = Gather<axis = 1>(x, w)", "places aren't constant"),
    ("x, int64[1] w", "y = ReduceSum(x, w)", "axes that aren't constant"),
    ("x", "y = ReduceMean<keepdims = 1>(x)", "a mean of unknown size"),
    ("x", 'y = Einsum<equation = "ii->i">(x)', "named, once"),
    ("x, int64[1] w", "y, i = TopK<axis = 1>(x, w)", "no rule"),
    (
        "x, float[n, 2, 5, 6] v, float[3, 2, 2, 2] w",
        "a = ReduceMax<keepdims = 0>(x) b = Mul(w, a) y = Conv(v, b)",
        "depends on the picture",
    ),
    (
        "x, float[7] w",
        "a = ReduceMax<keepdims = 0>(x) b = Mul(w, a) y = LayerNormalization(x, b)",
        "depends on the picture",
    ),
]


@pytest.mark.parametrize(("inputs", "body", "why"), UNKNOWN)
def test_what_is_not_known_is_said_in_one_sentence(inputs: str, body: str, why: str) -> None:
    text = refused(graph(f"(float[n, 7] {inputs}) => (y)", body))
    assert why in text
    assert text.count(". ") == 0
    assert text.endswith(".")
