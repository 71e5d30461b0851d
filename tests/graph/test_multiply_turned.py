"""Products that read a factor as it lies give what those with a transpose of it give."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from graph.small_graphs import check, graph, kinds, noise, run
from vitonnx.graph import MultiplyTurned

LEFT, RIGHT = "(float[b, 2, 5, 7] x, float[b, 2, 7, 3] z)", "(float[b, 2, 5, 3] y)"


def turned(model: ir.Model) -> ir.Model:
    model = MultiplyTurned()(model).model
    check(model)
    assert not MultiplyTurned()(model).modified
    return model


# How each factor comes, what it is before, and what is left of its transpose.
KEYS = ([0, 2, 3, 1], (4, 3, 2, 7), True)
SWAPPED = ([0, 1, 3, 2], (4, 2, 3, 7), False)


@pytest.mark.parametrize(("perm", "sides", "copied"), [KEYS, SWAPPED], ids=["keys", "swapped"])
def test_the_right_factor(perm: list[int], sides: tuple[int, ...], copied: bool) -> None:
    given = ", ".join(map(str, ("b", *sides[1:])))
    signature = f"(float[b, 2, 5, 7] x, float[{given}] z) => {RIGHT}"
    body = f"t = Transpose<perm = {perm}>(z)  y = MatMul(x, t)"
    x, z = noise(4, 2, 5, 7), noise(*sides, seed=1)
    expected = run(graph(signature, body), x=x, z=z)["y"]
    model = turned(graph(signature, body))
    assert kinds(model) == [*(["Transpose"] if copied else []), "FusedMatMul"]
    np.testing.assert_allclose(run(model, x=x, z=z)["y"], expected, rtol=1e-5, atol=1e-5)


def test_both_factors_and_no_transpose_is_left() -> None:
    signature = f"(float[b, 2, 7, 5] x, float[b, 2, 3, 7] z) => {RIGHT}"
    body = """
        s = Transpose<perm = [0, 1, 3, 2]>(x)
        t = Transpose<perm = [0, 1, 3, 2]>(z)
        y = MatMul(s, t)
    """
    x, z = noise(4, 2, 7, 5), noise(4, 2, 3, 7, seed=1)
    model = turned(graph(signature, body))
    assert kinds(model) == ["FusedMatMul"]
    expected = x.swapaxes(2, 3) @ z.swapaxes(2, 3)
    np.testing.assert_allclose(run(model, x=x, z=z)["y"], expected, rtol=1e-5, atol=1e-5)


def test_what_others_read_too_stays() -> None:
    signature = f"(float[b, 2, 5, 7] x, float[b, 2, 3, 7] z) => {RIGHT[:-1]}, float[b, 2, 7, 3] t)"
    body = "t = Transpose<perm = [0, 1, 3, 2]>(z)  y = MatMul(x, t)"
    model = turned(graph(signature, body))
    assert kinds(model) == ["Transpose", "FusedMatMul"]
    x, z = noise(4, 2, 5, 7), noise(4, 2, 3, 7, seed=1)
    found = run(model, x=x, z=z)
    np.testing.assert_array_equal(found["t"], z.swapaxes(2, 3))
    np.testing.assert_allclose(found["y"], x @ z.swapaxes(2, 3), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("perm", ["[0, 2, 1, 3]", "[2, 0, 1, 3]"])
def test_whose_rows_stay_rows_is_left_alone(perm: str) -> None:
    body = f"t = Transpose<perm = {perm}>(z)  y = MatMul(x, t)"
    model = graph("(float[7, 7, 5, 7] x, float[7, 7, 7, 3] z) => (float[7, 7, 5, 3] y)", body)
    assert not MultiplyTurned()(model).modified
    assert kinds(model) == ["Transpose", "MatMul"]


def test_double_precision_is_left_alone() -> None:
    """The CPU, which may have to compute it, has no such kernel."""
    signature = "(double[b, 5, 7] x, double[b, 3, 7] z) => (double[b, 5, 3] y)"
    model = graph(signature, "t = Transpose<perm = [0, 2, 1]>(z)  y = MatMul(x, t)")
    assert not MultiplyTurned()(model).modified
