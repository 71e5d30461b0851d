"""Attention that nobody reads becomes one node; every other attention stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import pytest
from numpy.typing import NDArray

import tiny_models as tiny
from graph.small_graphs import (
    BATCHES,
    check,
    graph,
    kinds,
    noise,
    opened,
    pictures,
    read,
    run,
    shapes,
)
from vitonnx.graph import FuseAttention, KeepOutputs, RowsFirst

Exported = Callable[[str], Path]

HEADS, TOKENS, DIM = 3, 7, 15

# The kernel sums in another order: 7 values of about 1, weighed to 1.
TOLERANCE: dict[str, Any] = {"atol": 2e-6, "rtol": 1e-5}

CONSTANTS = """<
    int64[4] split = {0, 0, 3, 5}, int64[3] join = {0, 0, -1}, int64[4] wide = {0, 0, 3, 4},
    float third = {0.333}, float[1] two = {2.0},
    int64[1] zero = {0}, int64[1] one = {1}, int64[1] minus = {-1},
    int64[1] second = {2}, int64[1] last = {3}, int64[1] many = {7}
>"""


def block(
    *,
    query: str = "qh = Identity(qs)",
    scores: str = "d = Identity(s)",
    softmax: str = "a = Softmax(d)",
    more: str = "",
    heads: str = "perm = [0, 2, 1, 3]",
    joined: str = "j = Reshape(o, join)",
    outputs: str = "",
    inputs: str = "",
) -> ir.Model:
    """Write one block of 3 heads, whose queries, keys and values come of one product.

    A part may be written otherwise; `more` stands at the end, as a probe's nodes do.
    """
    model = graph(
        f"(float[b, 7, 15] x, float[15, 45] c{inputs})=> (float[b, 7, 15] y{outputs}) {CONSTANTS}",
        f"""
        qkv = MatMul(x, c) q, k, v = Split<axis = 2, num_outputs = 3>(qkv)
        qs = Reshape(q, split) {query} qt = Transpose<perm = [0, 2, 1, 3]>(qh)
        ks = Reshape(k, split) kt = Transpose<perm = [0, 2, 3, 1]>(ks)
        s = MatMul(qt, kt)
        {scores}
        {softmax}
        vs = Reshape(v, split) vt = Transpose<perm = [0, 2, 1, 3]>(vs)
        w = MatMul(a, vt)
        o = Transpose<{heads}>(w)
        {joined}
        u = Neg(j)
        m = Add(x, u)
        f = Tanh(m)
        y = Add(m, f)
        {more}
        """,
    )
    # As the exporter leaves it: nothing that does nothing.
    common.IdentityEliminationPass()(model)
    return model


def unchanged(before: ir.Model, after: ir.Model, **more: NDArray[Any]) -> None:
    check(after)
    run_before, run_after = opened(before), opened(after)
    for batch in BATCHES:
        feed = {"x": noise(batch, TOKENS, DIM), "c": noise(DIM, 3 * DIM, seed=1) / 4, **more}
        expected, found = run_before(**feed), run_after(**feed)
        assert list(found) == list(expected)
        for name, array in expected.items():
            np.testing.assert_allclose(found[name], array, **TOLERANCE)


def fused(model: ir.Model) -> list[ir.Node]:
    return [node for node in model.graph if node.op_type == "MultiHeadAttention"]


def test_attention_that_nobody_reads_is_one_node() -> None:
    model = block()
    assert FuseAttention()(model).modified
    (node,) = fused(model)
    assert node.domain == "com.microsoft"
    assert node.attributes.get_int("num_heads") == HEADS
    assert [value.name for value in node.inputs if value is not None] == ["q", "k", "v"]
    assert kinds(model) == ["MatMul", "Split", "MultiHeadAttention", "Neg", "Add", "Tanh", "Add"]
    assert shapes(model, "MultiHeadAttention") == [[None, TOKENS, DIM]]
    assert model.opset_imports["com.microsoft"] == 1
    unchanged(block(), model)


@pytest.mark.parametrize(
    ("query", "scores", "scale"),
    [
        ("qh = Identity(qs)", "d = Identity(s)", 1.0),
        ("qh = Mul(qs, third)", "d = Identity(s)", 0.333),
        ("qh = Identity(qs)", "d = Mul(s, third)", 0.333),
        ("qh = Identity(qs)", "d = Div(s, third)", 1 / 0.333),
        ("qh = Mul(qs, two)", "d = Mul(s, third)", 0.666),
        ("qh = Div(qs, two)", "e = Mul(s, third) d = Div(e, two)", 0.333 / 4),
    ],
)
def test_the_scale_is_wherever_the_model_has_it(query: str, scores: str, scale: float) -> None:
    model = block(query=query, scores=scores)
    FuseAttention()(model)
    (node,) = fused(model)
    found = node.attributes["scale"].as_float()
    assert found == pytest.approx(scale, rel=1e-6)
    assert not {"Mul", "Div"} & set(kinds(model))
    unchanged(block(query=query, scores=scores), model)


def test_values_may_be_of_another_width() -> None:
    def narrow() -> ir.Model:
        return graph(
            f"(float[b, 7, 12] x, float[12, 15] cq, float[12, 15] ck) => (float[b, 7, 12] y)"
            f"{CONSTANTS}",
            """
            q = MatMul(x, cq) qs = Reshape(q, split) qt = Transpose<perm = [0, 2, 1, 3]>(qs)
            k = MatMul(x, ck) ks = Reshape(k, split) kt = Transpose<perm = [0, 2, 3, 1]>(ks)
            vs = Reshape(x, wide) vt = Transpose<perm = [0, 2, 1, 3]>(vs)
            s = MatMul(qt, kt) a = Softmax(s) w = MatMul(a, vt)
            o = Transpose<perm = [0, 2, 1, 3]>(w) j = Reshape(o, join)
            m = Add(x, j) f = Tanh(m) y = Add(m, f)
            """,
        )

    before, model = narrow(), narrow()
    FuseAttention()(model)
    check(model)
    feed: dict[str, NDArray[Any]]
    feed = {"x": noise(3, 7, 12), "cq": noise(12, 15) / 4, "ck": noise(12, 15, seed=1) / 4}
    np.testing.assert_allclose(run(model, **feed)["y"], run(before, **feed)["y"], **TOLERANCE)


def test_attention_that_is_an_output_stays() -> None:
    def outputs() -> ir.Model:
        return block(outputs=", float[b, 3, 7, 7] a")

    model = outputs()
    assert not FuseAttention()(model).modified
    assert kinds(model) == kinds(outputs())


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ("r = ReduceMean<keepdims = 0>(a, one)", "float[b, 7, 7] r"),
        ("r = MatMul(qq, a)", "float[b, 3, 7, 7] r"),
        ("r = MatMul(a, qq)", "float[b, 3, 7, 7] r"),  # rollout of two blocks
        ("r = MatMul(a, p)", "float[b, 3, 7, 2] r"),  # distances
    ],
)
def test_attention_that_is_read_whole_is_computed_once(more: str, kind: str) -> None:
    inputs = ", float[7, 7] qq, float[7, 2] p"
    model = block(more=more, outputs=f", {kind}", inputs=inputs)
    before = kinds(model)
    FuseAttention()(model)
    assert kinds(model) == before


@pytest.mark.parametrize("cut", ["zero, one, second", "second, many, second"])
def test_attention_of_which_rows_are_read_is_fused_too(cut: str) -> None:
    more, outputs = f"p = Slice(a, {cut}) r = Neg(p)", ", float[b, 3, n, 7] r"
    model = block(more=more, outputs=outputs)
    assert FuseAttention()(model).modified
    assert len(fused(model)) == 1
    assert kinds(model).count("Softmax") == 1  # from which the rows are cut, as before
    assert kinds(model).count("MatMul") == 2  # all values of the block, and the scores
    unchanged(block(more=more, outputs=outputs), model)


@pytest.mark.parametrize(
    "different",
    [
        {"scores": "d = Add(s, mask)", "inputs": ", float[7, 7] mask"},
        {"scores": "e = Mul(s, third) d = Add(e, mask)", "inputs": ", float[7, 7] mask"},
        {"scores": "d = Mul(s, mask)", "inputs": ", float[7, 7] mask"},
        {"scores": "d = Add(s, mask)", "inputs": ", float[1, 1, 1, 7] mask"},  # of keys alone
        {"softmax": "a = Softmax<axis = 2>(d)"},
        {"softmax": "a = Softmax<axis = 1>(d)"},
        {"softmax": "e = Softmax(d) a = Relu(e)"},
    ],
    ids=lambda different: next(iter(different.values())),
)
def test_other_attention_stays_as_it_is(different: dict[str, str]) -> None:
    """Masks of two axes and other softmaxes are not the kernel's."""
    model = block(**different)
    FuseAttention()(model)
    assert not fused(model)
    sides = (1, 1, 1, 7) if "1, 1, 1, 7" in different.get("inputs", "") else (7, 7)
    mask = {"mask": noise(*sides, seed=5)} if "inputs" in different else {}
    unchanged(block(**different), model, **mask)


@pytest.mark.parametrize(
    "different",
    [
        {"query": "qh = Mul(qs, mask)", "inputs": ", float[5] mask"},
        {"query": "qn = Neg(qs) qh = Relu(qn)"},  # as rotary positions stand in between
        {"joined": "j_ = Neg(o) j = Reshape(j_, join)"},
        {"heads": "perm = [0, 2, 3, 1]"},  # heads joined one number at a time
        {"scores": "d = Add(s, mask)", "inputs": ", float[1, 3, 7, 7] mask"},
        {"scores": "d = Add(mask, s)", "inputs": ", float[b, 1, 7, 7] mask"},
        {"scores": "e = Mul(s, third) d = Add(e, mask)", "inputs": ", float[1, 3, 7, 7] mask"},
    ],
    ids=lambda different: " ".join(different.values()),
)
def test_whatever_stands_around_is_fused_too(different: dict[str, str]) -> None:
    """Heads are joined for the kernel where they aren't any more, and split again behind it."""
    inputs = different.get("inputs", "")
    model = block(**different)
    assert FuseAttention()(model).modified
    assert len(fused(model)) == 1
    before = block(**different)
    if "b, 1, 7, 7" in inputs:
        check(model)
        for batch in BATCHES:
            feed: dict[str, NDArray[Any]] = {"x": noise(batch, TOKENS, DIM)}
            feed |= {"c": noise(DIM, 3 * DIM, seed=1) / 4, "mask": noise(batch, 1, 7, 7, seed=5)}
            np.testing.assert_allclose(
                run(model, **feed)["y"], run(before, **feed)["y"], **TOLERANCE
            )
        return
    sides = (5,) if "[5]" in inputs else (1, 3, 7, 7)
    unchanged(before, model, **({"mask": noise(*sides, seed=5)} if inputs else {}))


@pytest.mark.parametrize("rows", [(0, 1), (2, 7)])
def test_rows_of_a_fused_result_take_their_rows_of_the_bias(rows: tuple[int, int]) -> None:
    biased = {"scores": "d = Add(s, mask)", "inputs": ", float[1, 3, 7, 7] mask"}
    model, before = block(**biased), block(**biased)
    FuseAttention()(model)
    for each in (model, before):
        _read_rows(each, *rows)
    assert RowsFirst()(model).modified
    (node,) = fused(model)
    assert node.inputs[5] is not None
    assert node.inputs[5].shape == ir.Shape([1, 3, rows[1] - rows[0], 7])
    feed: dict[str, NDArray[Any]] = {"x": noise(3, TOKENS, DIM)}
    feed |= {"c": noise(DIM, 3 * DIM, seed=1) / 4, "mask": noise(1, 3, 7, 7, seed=5)}
    np.testing.assert_allclose(run(model, **feed)["r"], run(before, **feed)["r"], **TOLERANCE)


def _read_rows(model: ir.Model, start: int, stop: int) -> None:
    """Have some rows of the result be all that is read."""
    graph = model.graph
    bounds = []
    for name, number in (("start", start), ("stop", stop), ("along", 1)):
        tensor = ir.tensor(np.array([number], np.int64), name=name)
        value = ir.Value(name=name, const_value=tensor, shape=ir.Shape([1]))
        value.type = ir.TensorType(tensor.dtype)
        graph.register_initializer(value)
        bounds.append(value)
    (output,) = graph.outputs
    node = ir.node("Slice", [output, *bounds])
    node.outputs[0].name, node.outputs[0].type = "r", output.type
    node.outputs[0].shape = ir.Shape(["b", stop - start, 15])
    graph.append(node)
    graph.outputs[:] = [node.outputs[0]]


def test_tokens_and_pictures_in_one_stay_right() -> None:
    """Some converters join heads to (batch x tokens, dim), and part the tokens later."""
    joined = (
        "flat = Constant <value_ints = [-1, 15]> () rows = Constant <value_ints = [-1, 7, 15]> ()"
        "i = Reshape(o, flat) h = Sigmoid(i) j = Reshape(h, rows)"
    )
    model = block(joined=joined)
    FuseAttention()(model)
    unchanged(block(joined=joined), model)


def test_heads_that_are_no_parts_of_tokens_stay_right() -> None:
    """Six tokens of ten numbers, read as four of fifteen, are no tokens that the kernel knows."""

    def odd() -> ir.Model:
        return graph(
            "(float[b, 6, 10] x) => (float[b, 6, 10] y)"
            "<int64[4] split = {0, 4, 3, 5}, int64[3] join = {0, 6, 10}>",
            """
            xs = Reshape(x, split) qt = Transpose<perm = [0, 2, 1, 3]>(xs)
            kt = Transpose<perm = [0, 2, 3, 1]>(xs)
            s = MatMul(qt, kt) a = Softmax(s) w = MatMul(a, qt)
            o = Transpose<perm = [0, 2, 1, 3]>(w) j = Reshape(o, join)
            m = Add(x, j) f = Tanh(m) y = Add(m, f)
            """,
        )

    before, model = odd(), odd()
    FuseAttention()(model)
    check(model)
    x = noise(3, 6, 10)
    np.testing.assert_allclose(run(model, x=x)["y"], run(before, x=x)["y"], **TOLERANCE)


def test_doing_it_again_changes_nothing() -> None:
    model = block()
    FuseAttention()(model)
    before = [node.name for node in model.graph]
    assert not FuseAttention()(model).modified
    assert [node.name for node in model.graph] == before


@pytest.mark.parametrize(("kind", "also"), [("registers", None), ("plain", 0), ("pooled", 1)])
def test_the_blocks_of_a_network(kind: str, also: int | None, exported: Exported) -> None:
    """All blocks but the one whose attention is an output."""
    names = ["logits"] if also is None else ["logits", f"block_{also:02d}/attention"]
    before, model = read(exported(kind)), read(exported(kind))
    for each in (before, model):
        KeepOutputs(names)(each)
        common.ShapeInferencePass()(each)
    assert FuseAttention()(model).modified
    check(model)
    left = [str(node.name)[:8] for node in fused(model)]
    assert left == [f"block_{number:02d}" for number in range(2) if number != also]
    assert kinds(model).count("Softmax") == 2 - len(left)
    (heads,) = {node.attributes.get_int("num_heads") for node in fused(model)}
    assert heads == tiny.CONFIGS[kind].heads
    runners = (opened(model), opened(before))
    for batch in BATCHES:
        found, expected = (each(images=pictures(batch)) for each in runners)
        for name, array in expected.items():
            # Logits of about 1 and weights up to 1, after two blocks in single precision.
            np.testing.assert_allclose(found[name], array, atol=1e-5)
