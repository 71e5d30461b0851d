"""Outputs that nobody asks for go, and what they alone need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graph.small_graphs import BATCHES, check, graph, kinds, noise, opened, pictures, read, run
from vitonnx.graph import KeepOutputs

Exported = Callable[[str], Path]

SIGNATURE = (
    "(float[b, 5] x) => (float[b, 5] first, float[b, 5] second, float[b, 5] third)"
    "<float[1] two = {2}, float[1] three = {3}>"
)
BODY = """
    common = Neg(x)
    first = Mul(common, two)
    second = Add(common, three)
    behind = Tanh(second)
    third = Sigmoid(behind)
"""


@pytest.mark.parametrize(
    ("names", "left", "weights"),
    [
        (["first"], ["Neg", "Mul"], ["two"]),
        (["second"], ["Neg", "Add"], ["three"]),
        (["third"], ["Neg", "Add", "Tanh", "Sigmoid"], ["three"]),  # through another output
        (["third", "first"], ["Neg", "Mul", "Add", "Tanh", "Sigmoid"], ["three", "two"]),
    ],
)
def test_what_is_asked_for_stays_with_all_it_needs(
    names: list[str], left: list[str], weights: list[str]
) -> None:
    model = graph(SIGNATURE, BODY)
    result = KeepOutputs(names)(model)
    assert result.modified
    check(model)
    assert kinds(model) == left
    assert sorted(model.graph.initializers) == weights
    assert [value.name for value in model.graph.inputs] == ["x"]
    for batch in BATCHES:
        x = noise(batch, 5)
        expected, found = run(graph(SIGNATURE, BODY), x=x), run(model, x=x)
        # In the file's order, whatever the names' own.
        assert list(found) == [name for name in expected if name in names]
        for name, array in found.items():
            # The same kernels on the same numbers.
            np.testing.assert_array_equal(array, expected[name])


def test_everything_asked_for_is_no_change() -> None:
    model = graph(SIGNATURE, BODY)
    assert not KeepOutputs(["third", "second", "first"])(model).modified
    assert kinds(model) == kinds(graph(SIGNATURE, BODY))


def test_the_names_may_be_asked_twice_and_are_not_used_up() -> None:
    keep = KeepOutputs(["first", "first"])
    for _ in range(2):
        model = graph(SIGNATURE, BODY)
        keep(model)
        assert [value.name for value in model.graph.outputs] == ["first"]


def test_the_input_stays_even_where_nothing_reads_it() -> None:
    """Whoever feeds the graph feeds it the same."""
    model = graph(
        "(float[b, 5] x) => (float[b, 5] y, float[1] c)",
        "y = Neg(x) k = Constant <value_floats = [2.0]> () c = Neg(k)",
    )
    KeepOutputs(["c"])(model)
    check(model)
    assert run(model, x=noise(3, 5))["c"].tolist() == [-2.0]


@pytest.mark.parametrize("kind", ["plain", "pooled"])
def test_attention_of_the_first_block_runs_nothing_behind_it(kind: str, exported: Exported) -> None:
    model, whole = read(exported(kind)), read(exported(kind))
    KeepOutputs(["block_00/attention"])(model)
    check(model)
    names = [*(str(node.name) for node in model.graph), *model.graph.initializers]
    assert not [name for name in names if name.startswith(("block_01", "norm/", "head/"))]
    assert not [name for name in names if name.startswith(("block_00/mlp", "block_00/norm2"))]
    assert not [name for name in names if name.startswith("block_00/attention/value")]
    assert kinds(model).count("Softmax") == 1
    run_model, run_whole = opened(model), opened(whole)
    for batch in BATCHES:
        images = pictures(batch)
        found = run_model(images=images)
        assert list(found) == ["block_00/attention"]
        expected = run_whole(images=images)["block_00/attention"]
        # The runtime may fuse otherwise where less is read; attention is at most 1.
        np.testing.assert_allclose(found["block_00/attention"], expected, atol=1e-6)
