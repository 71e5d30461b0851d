"""Bounds of what is made of constants and attention."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graph.small_graphs import graph, noise, run
from vitonnx.graph import Halve
from vitonnx.graph._magnitudes import Magnitudes

SIGNATURE = "(float[2, 3, 5, 7] x) => (float[2, 3, 5, 7] weights) <{constants}>"
ATTENTION = "weights = Softmax <axis = -1> (x)"
FAR = "float[5, 7] far = {" + ", ".join(map(str, range(-30, 5))) + "}"
LAST, ROWS, BOTH = ("int64[1] axes = {3}", "int64[1] axes = {2}", "int64[2] axes = {1, -1}")


@pytest.mark.parametrize(
    ("constants", "body", "bound"),
    [
        (FAR, "y = Mul (weights, far)", 30),
        (FAR, "y = Add (weights, far)", 31),
        (FAR, "a = Sub (far, far) y = Mul (a, a)", 3600),
        (FAR, "a = Mul (far, far) b = Sqrt (a) y = Mul (b, weights)", 30),
        (LAST, "y = ReduceSum (weights, axes)", 1),
        (ROWS, "y = ReduceSum (weights, axes)", 5),
        (BOTH, "y = ReduceSum (weights, axes)", 3),
        (f"{FAR}, {LAST}", "a = Mul (far, weights) y = ReduceSum (a, axes)", 30),
        (f"{FAR}, {ROWS}", "a = Mul (far, weights) y = ReduceSum (a, axes)", 150),
        (ROWS, "a = Transpose <perm = [0, 1, 3, 2]> (weights) y = ReduceMax (a, axes)", 1),
        # Turned, the last axis is another, whose sum nobody knows.
        (LAST, "a = Transpose <perm = [0, 1, 3, 2]> (weights) y = ReduceSum (a, axes)", 5),
        (ROWS, "a = Exp (weights) y = ReduceMax (a, axes)", math.inf),
        ("", "y = Mul (x, weights)", math.inf),
        ("", "y = ReduceSum (weights)", math.inf),
    ],
)
def test_bounds(constants: str, body: str, bound: float) -> None:
    model = graph(SIGNATURE.format(constants=constants), f"{ATTENTION} {body}")
    (last,) = [node for node in model.graph if node.outputs[0].name == "y"]
    assert Magnitudes().of(last.outputs[0]) == pytest.approx(bound)
    model.graph.outputs.append(last.outputs[0])
    if bound < math.inf:
        for seed in range(3):
            found = run(model, x=8 * noise(2, 3, 5, 7, seed=seed))["y"]
            assert np.abs(found).max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize(("far", "kept"), [(65_000, True), (66_000, False)])
def test_what_may_be_too_large_for_half_precision_stays_single(far: int, kept: bool) -> None:
    constants = f"float far = {{{far}}}, {LAST}"
    body = f"{ATTENTION} a = Mul (weights, far) y = ReduceSum (a, axes)"
    model = graph(SIGNATURE.format(constants=constants), body)
    (last,) = [node for node in model.graph if node.outputs[0].name == "y"]
    model.graph.outputs.append(last.outputs[0])
    exact = run(model, x=noise(2, 3, 5, 7))["y"]
    Halve(("mul", "reducesum"), sums_in_single=True)(model)
    types = {node.op_type: str(node.outputs[0].dtype) for node in model.graph}
    assert (types["Mul"], types["ReduceSum"]) == (("FLOAT16",) * 2 if kept else ("FLOAT",) * 2)
    np.testing.assert_allclose(run(model, x=noise(2, 3, 5, 7))["y"], exact, rtol=2e-3)
