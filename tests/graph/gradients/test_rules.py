"""Every operator's rule, against finite differences of the operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import pytest

from graph.gradients.differences import (
    BATCH,
    UNDOCUMENTED,
    Case,
    Differences,
    Side,
    checked,
    derive,
    forward,
)
from graph.gradients.operators import CASES
from graph.small_graphs import check
from vitonnx.graph.gradients import RULES, Arithmetic

BATCHES = (1, 3)
# Straight-through estimates, which no difference shows: they have tests of their own.
ESTIMATES = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"}
# Two ways through single precision.
SAME: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}


def test_every_rule_has_a_case() -> None:
    assert set(RULES) - ESTIMATES <= {case.kind for case in CASES}


def sides_of_result(model: ir.Model) -> list[Side]:
    shape = model.graph.outputs[0].shape
    assert shape is not None
    return [side if isinstance(side, int) else BATCH for side in shape]


def shaped(sides: list[Side], whole: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(
        there if side == BATCH else int(side) for side, there in zip(sides, whole, strict=True)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_gradients_are_those_of_finite_differences(case: Case) -> None:
    model = forward(case)
    result, sides = model.graph.outputs[0], sides_of_result(model)
    derive(
        model,
        result,
        sides,
        [model.graph.inputs[place] for place in range(len(case.varied()))],
        "g",
    )
    run, differences = checked(model), Differences(case)
    for batch in BATCHES if BATCH in str(case.varied()) else BATCHES[:1]:
        inputs = case.draw(batch)
        y = differences.result(inputs)
        seed = np.random.default_rng(5).standard_normal(y.shape, np.float32)
        found = run(**inputs, **{"g/seed": seed})
        for name in inputs:
            expected = differences.gradient(inputs, name, seed)
            scale = max(1.0, float(abs(expected).max()))
            np.testing.assert_allclose(
                found[f"g/{name}"], expected, atol=differences.tolerance * scale, rtol=0
            )


def picks_of(sides: list[Side]) -> list[tuple[int, list[tuple[int, int]]]]:
    """Give the rows that are read along each axis: none means all."""
    found: list[tuple[int, list[tuple[int, int]]]] = [(0, [])]
    for axis, side in enumerate(sides):
        if isinstance(side, int) and side > 1:
            found.append((axis, [(1, 2)]))
            if side > 2:  # with a gap, or a row twice: one axis has this, the next that
                apart, twice = [(0, 1), (side - 1, side)], [(0, 2), (1, side)]
                found.append((axis, twice if axis % 2 else apart))
    return found


def read(
    model: ir.Model, y: ir.Value, axis: int, picks: list[tuple[int, int]], name: str
) -> ir.Value:
    """Put some rows of y together."""
    if not picks:
        return y
    write = Arithmetic(model.graph, name)
    parts = [write.slice(y, axis, start, stop) for start, stop in picks]
    rows = write.concat(parts, axis) if len(parts) > 1 else parts[0]
    model.graph.extend(write.nodes)
    return rows


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rows_and_what_is_given_once_have_the_same_gradients(case: Case) -> None:
    inputs = case.draw(batch=3)
    model = forward(case)
    y, sides = model.graph.outputs[0], sides_of_result(model)
    wanted = list(model.graph.inputs)
    derive(model, y, sides, wanted, "whole")
    # Every axis alone is given once, and all together; of some rows, the rows' own too.
    every = set(range(len(sides)))
    alone = [{axis} for axis in sorted(every)]
    variants: list[tuple[str, int, list[tuple[int, int]], list[Side], list[Side]]] = []
    for number, (axis, picks) in enumerate(picks_of(sides)):
        rows = read(model, y, axis, picks, f"rows_{number}")
        count = sum(stop - start for start, stop in picks)
        own = [count if picks and place == axis else side for place, side in enumerate(sides)]
        for turn, once in enumerate([set(), every, *([{axis}] if picks else alone)]):
            name = f"v_{number}_{turn}"
            seed: list[Side] = [1 if place in once else side for place, side in enumerate(own)]
            derive(model, rows, seed, wanted, name)
            variants.append((name, axis, picks, own, seed))
    run = checked(model)
    whole_sides = Differences(case).result(inputs).shape
    draw = np.random.default_rng(7)
    seeds = {
        f"{v[0]}/seed": draw.standard_normal(shaped(v[4], whole_sides), np.float32)
        for v in variants
    }
    for name, axis, picks, own, _ in variants:
        given = np.broadcast_to(seeds[f"{name}/seed"], shaped(own, whole_sides))
        whole = np.zeros(whole_sides, np.float32)
        start = 0
        for first, stop in picks:
            part = np.take(given, range(start, start + stop - first), axis)
            whole[(slice(None),) * axis + (slice(first, stop),)] += part
            start += stop - first
        found = run(**inputs, **seeds, **{"whole/seed": whole if picks else given})
        for value in inputs:
            expected = found[f"whole/{value}"]
            scale = max(1.0, float(abs(expected).max()))
            np.testing.assert_allclose(
                found[f"{name}/{value}"] / scale, expected / scale, err_msg=name, **SAME
            )


def in_16_bits(dtype: str) -> list[Case]:
    """List a case of each operator that can compute in a type."""
    one_of_each = {case.kind: case for case in reversed(CASES) if not case.domain}
    found = []
    for kind, case in one_of_each.items():
        if kind not in ("Cast", *UNDOCUMENTED):
            allowed = onnx.defs.get_schema(kind, case.opset).type_constraints[0]
            if f"tensor({dtype})" in allowed.allowed_type_strs:
                found.append(case)
    return found


# A number of 16 bits is right to 2 ** -11, and so are outputs that rules read.
HALF: dict[str, Any] = {"rtol": 0, "atol": 1e-2}


@pytest.mark.parametrize("case", in_16_bits("bfloat16"), ids=lambda case: case.kind)
def test_of_graphs_in_bfloat16_gradients_are_single(case: Case) -> None:
    model = forward(case, onnx.TensorProto.BFLOAT16)
    derive(model, model.graph.outputs[0], sides_of_result(model), list(model.graph.inputs), "g")
    found = [value for value in model.graph.outputs if str(value.name).startswith("g/")]
    assert {value.dtype for value in found} == {ir.DataType.FLOAT}
    check(model)  # the runtime's kernels for CPUs know few of these


@pytest.mark.parametrize("case", in_16_bits("float16"), ids=lambda case: case.kind)
def test_of_graphs_in_float16_gradients_are_single(case: Case) -> None:
    model, single = forward(case, onnx.TensorProto.FLOAT16), forward(case)
    sides = sides_of_result(model)
    for each in (model, single):
        derive(each, each.graph.outputs[0], sides, list(each.graph.inputs), "g")
    # Multiples of 1/8 below 16 are the same in 16 bits.
    inputs = {name: np.round(array * 8) / 8 for name, array in case.draw(batch=3).items()}
    half = {name: array.astype(np.float16) for name, array in inputs.items()}
    shape = Differences(case).result(inputs).shape
    seed = {"g/seed": np.random.default_rng(5).standard_normal(shape, np.float32)}
    expected, found_of = checked(single)(**inputs, **seed), checked(model)(**half, **seed)
    for name in inputs:
        scale = max(1.0, float(abs(expected[f"g/{name}"]).max()))
        np.testing.assert_allclose(
            found_of[f"g/{name}"] / scale, expected[f"g/{name}"] / scale, **HALF
        )
