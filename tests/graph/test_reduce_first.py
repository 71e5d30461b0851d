"""Blocks wait for what is read of their attention, in whatever order a runtime works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import pytest

import tiny_models as tiny
from graph.small_graphs import BATCHES, check, graph, kinds, noise, opened, pictures, reaches, read
from vitonnx.graph import Attach, KeepOutputs, ReduceFirst

Exported = Callable[[str], Path]

BLOCK = """
    qs{n} = Reshape({x}, split) qt{n} = Transpose<perm = [0, 2, 1, 3]>(qs{n})
    kt{n} = Transpose<perm = [0, 2, 3, 1]>(qs{n})
    s{n} = MatMul(qt{n}, kt{n}) a{n} = Softmax(s{n})
    w{n} = MatMul(a{n}, qt{n})
    o{n} = Transpose<perm = [0, 2, 1, 3]>(w{n}) j{n} = Reshape(o{n}, join)
    m{n} = Add({x}, j{n}) f{n} = Tanh(m{n}) t{n} = Add(m{n}, f{n})
"""
CONSTANTS = """<
    int64[4] split = {0, 0, HEADS, -1}, int64[3] join = {0, 0, -1}, float two = {2.0},
    int64[1] one = {1}, int64[1] second = {2}, int64[1] last = {3}, int64[2] both = {2, 3},
    int64[1] zero = {0}, int64[3] flat = {-1, 7, 7}, int64[3] parted = {-1, HEADS, 7}
>"""


def blocks(readers: str = "", outputs: str = "", *, heads: int = 3, inputs: str = "") -> ir.Model:
    """Write two blocks of tokens (batch, 7, 6), with readers of their attention, a0 and a1.

    The readers stand at the end, as a probe's nodes do.
    """
    return graph(
        f"(float[b, 7, 6] x{inputs}) => (float[b, 7, 6] t1{outputs})"
        + CONSTANTS.replace("HEADS", str(heads)),
        BLOCK.format(n=0, x="x") + BLOCK.format(n=1, x="t0") + readers,
    )


def named(model: ir.Model, name: str) -> ir.Value:
    return next(value for node in model.graph for value in node.outputs if value.name == name)


def join(model: ir.Model, number: int) -> ir.Node:
    producer = named(model, f"j{number}").producer()
    assert producer is not None
    return producer


def unchanged(before: ir.Model, after: ir.Model) -> None:
    check(after)
    run_before, run_after = opened(before), opened(after)
    for batch in BATCHES:
        x = noise(batch, 7, 6)
        expected, found = run_before(x=x), run_after(x=x)
        assert list(found) == list(expected)
        for name, array in expected.items():
            # The same work in another order; the runtime may fuse it otherwise.
            np.testing.assert_allclose(found[name], array, atol=2e-6, rtol=1e-6)


def test_the_heads_are_joined_after_what_is_read() -> None:
    readers = "r0 = ReduceMax<keepdims = 0>(a0, one) r1 = ReduceMax<keepdims = 0>(a1, one)"
    outputs = ", float[b, 7, 7] r0, float[b, 7, 7] r1"
    model = blocks(readers, outputs)
    for number in range(2):
        assert not reaches([named(model, f"r{number}")], join(model, number))
    assert ReduceFirst()(model).modified
    for number in range(2):
        assert reaches([named(model, f"r{number}")], join(model, number))
    # So all of block 0's is done before any of block 1's attention is there.
    assert reaches([named(model, "r0")], named(model, "a1").producer() or join(model, 1))
    unchanged(blocks(readers, outputs), model)


def test_only_the_block_that_is_read_waits() -> None:
    readers, outputs = "r = ReduceMax<keepdims = 0>(a1, one)", ", float[b, 7, 7] r"
    model = blocks(readers, outputs)
    before = [value.name for value in join(model, 0).inputs if value is not None]
    assert ReduceFirst()(model).modified
    assert reaches([named(model, "r")], join(model, 1))
    assert [value.name for value in join(model, 0).inputs if value is not None] == before
    unchanged(blocks(readers, outputs), model)


def test_nothing_is_tied_where_nobody_reads() -> None:
    model = blocks()
    before = kinds(model)
    assert not ReduceFirst()(model).modified
    assert kinds(model) == before


def test_nothing_is_tied_where_all_of_it_leaves_the_graph() -> None:
    """There is nothing smaller to wait for."""
    model = blocks("", ", float[b, 3, 7, 7] a0")
    assert not ReduceFirst()(model).modified


def test_readers_are_followed_until_something_is_smaller() -> None:
    """A product with a number is as large as the attention; its sum is not."""
    readers = "e = Mul(a0, two) g = Sqrt(e) r = ReduceSum<keepdims = 0>(g, both)"
    model = blocks(readers, ", float[b, 3] r")
    assert ReduceFirst()(model).modified
    assert reaches([named(model, "r")], join(model, 0))
    unchanged(blocks(readers, ", float[b, 3] r"), model)


def test_a_block_waits_for_all_its_readers() -> None:
    readers = """
        e = Mul(a0, two) r = ReduceSum<keepdims = 0>(e, both)
        p = ReduceMax<keepdims = 0>(a0, one)
        h = Slice(a0, zero, one, second) i = Squeeze(h, second)
    """
    outputs = ", float[b, 3] r, float[b, 7, 7] p, float[b, 3, 7] i"
    model = blocks(readers, outputs)
    assert ReduceFirst()(model).modified
    assert reaches([named(model, name) for name in "rph"], join(model, 0))
    unchanged(blocks(readers, outputs), model)


def test_a_reader_that_folds_heads_into_pictures() -> None:
    """Its first side is no longer the number of pictures."""
    readers = """
        e = Reshape(a0, flat) g = ReduceMax<keepdims = 0>(e, second) r = Reshape(g, parted)
    """
    model = blocks(readers, ", float[b, 3, 7] r")
    ReduceFirst()(model)
    unchanged(blocks(readers, ", float[b, 3, 7] r"), model)


def test_a_reader_that_puts_heads_before_pictures() -> None:
    readers = """
        e = Transpose<perm = [1, 0, 2, 3]>(a0) g = ReduceSum<keepdims = 0>(e, both)
        r = Transpose<perm = [1, 0]>(g)
    """
    model = blocks(readers, ", float[b, 3] r")
    ReduceFirst()(model)
    unchanged(blocks(readers, ", float[b, 3] r"), model)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_a_reader_that_waits_for_the_block_itself(heads: int) -> None:
    """Attention weighed by how large the tokens are behind the block: there is no way round."""
    readers = """
        n = ReduceL2<keepdims = 0>(t0, second) k = Unsqueeze(n, l)
        e = Mul(a0, k) r = ReduceSum<keepdims = 0>(e, last)
    """
    readers = "l = Constant <value_ints = [1, 3]> ()" + readers
    outputs = f", float[b, {heads}, 7] r"
    model = blocks(readers, outputs, heads=heads)
    ReduceFirst()(model)
    unchanged(blocks(readers, outputs, heads=heads), model)


@pytest.mark.parametrize("heads", [1, 2])
def test_a_reader_that_needs_the_next_block_too(heads: int) -> None:
    """Rollout of a model of one head: all heads together are no smaller than one."""
    readers = """
        f0 = ReduceSum<keepdims = 0>(a0, one) f1 = ReduceSum<keepdims = 0>(a1, one)
        row = Slice(f1, zero, one, one) r = MatMul(row, f0)
    """
    readers = readers.replace("f0", "g0").replace("f1", "g1")
    model = blocks(readers, ", float[b, 1, 7] r", heads=heads)
    ReduceFirst()(model)
    unchanged(blocks(readers, ", float[b, 1, 7] r", heads=heads), model)


def test_doing_it_again_changes_nothing() -> None:
    model = blocks("r = ReduceMax<keepdims = 0>(a0, one)", ", float[b, 7, 7] r")
    ReduceFirst()(model)
    before = [node.name for node in model.graph]
    assert not ReduceFirst()(model).modified
    assert [node.name for node in model.graph] == before


def test_names_stay_single() -> None:
    readers = "r0 = ReduceMax<keepdims = 0>(a0, one) r1 = ReduceMin<keepdims = 0>(a0, one)"
    model = blocks(readers, ", float[b, 7, 7] r0, float[b, 7, 7] r1")
    ReduceFirst()(model)
    names = [value.name for node in model.graph for value in node.outputs]
    assert len(set(names)) == len(names)


def reads_whole(node: ir.Node, tokens: int) -> bool:
    """Whether a node reads an attention of 3 heads, or what is as large."""
    shapes = (value.shape for value in node.inputs if value is not None)
    return any(shape is not None and list(shape[1:]) == [3, tokens, tokens] for shape in shapes)


@pytest.mark.parametrize("kind", ["registers", "pooled"])
def test_the_blocks_of_a_network(kind: str, exported: Exported) -> None:
    """Two functions of both blocks: no attention outlives its block, and no number changes."""

    def most(name: str) -> Callable[[Any], Any]:
        def function(arrays: Any) -> Any:
            array = arrays[name]
            return array.__array_namespace__().max(array, axis=1)

        return function

    names = [f"block_{number:02d}/attention" for number in range(2)]
    before, model = read(exported(kind)), read(exported(kind))
    for each in (before, model):
        for number, name in enumerate(names):
            Attach(f"most_{number}", [name], most(name))(each)
        KeepOutputs(["logits", "most_0", "most_1"])(each)
        common.ShapeInferencePass()(each)
    assert ReduceFirst()(model).modified
    common.ShapeInferencePass()(model)
    check(model)
    tokens = len(tiny.CONFIGS[kind].prefix_tokens) + 35
    ends = ["block_01/attention/softmax", "block_01/attention/output/matmul"]
    for number, end in enumerate(ends):
        readers = [
            value
            for node in model.graph
            for value in node.outputs
            if str(node.name).startswith(f"most_{number}/") and reads_whole(node, tokens)
        ]
        assert readers
        (behind,) = (node for node in model.graph if node.name == end)
        assert reaches(readers, behind)
    runners = (opened(model), opened(before))
    for batch in BATCHES:
        found, expected = (each(images=pictures(batch)) for each in runners)
        assert found["most_0"].shape == (batch, tokens, tokens)
        for name, array in expected.items():
            # The runtime may fuse otherwise; single precision through two blocks.
            np.testing.assert_allclose(found[name], array, atol=1e-5)
