"""However heads are split off, it is written as a product, a reshape and a transpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
import pytest

from graph.small_graphs import BATCHES, check, graph, kinds, noise, opened
from vitonnx.tap._heads_apart import HeadsApart
from vitonnx.tap._plain import DropNeutral

TOKENS, WIDTH, HEADS = 7, 5, 3
CONSTANTS = """<
    int64[5] packed = {0, 7, 3, 3, 5}, int64[5] odd = {0, 7, 3, 5, 3},
    int64[4] heads = {0, 7, 3, 5},
    int64[3] folded = {-1, 7, 5}, int64[4] again = {-1, 3, 5, 7},
    int64 zero = {0}, int64 one = {1}, int64 two = {2},
    int64[1] first = {0}, int64[1] second = {1}, int64[1] third = {2}
>"""
PACKED = "p = Reshape(qkv, packed) t = Transpose<perm = [2, 0, 3, 1, 4]>(p)"
WAYS = {
    "gathered": f"{PACKED} q = Gather(t, one)",
    "sliced": f"{PACKED} s = Slice(t, second, third, first) q = Squeeze(s, first)",
    "split": f"{PACKED} a, b_, c_ = Split<axis = 0, num_outputs = 3>(t) q = Squeeze(b_, first)",
    "packed last": """
        p = Reshape(qkv, odd) t = Transpose<perm = [0, 2, 1, 3, 4]>(p)
        q = Gather<axis = 4>(t, two)
    """,
    "split before": """
        a, b_, c_ = Split<axis = 2, num_outputs = 3>(qkv)
        p = Reshape(b_, heads) q = Transpose<perm = [0, 2, 1, 3]>(p)
    """,
}


def model(way: str) -> ir.Model:
    made = graph(
        f"(float[batch, 7, 15] x, float[15, 45] w, float[45] c) => (float[batch, 3, 7, 5] y)"
        f"{CONSTANTS}",
        f"m = MatMul(x, w) qkv = Add(m, c) {way} y = Tanh(q)",
    )
    for name, array in (("w", noise(15, 45)), ("c", noise(45, seed=1))):
        (value,) = (each for each in made.graph.inputs if each.name == name)
        made.graph.inputs.remove(value)
        value.const_value = ir.tensor(array, name=name)
        made.graph.initializers[name] = value
    return made


def unchanged(before: ir.Model, after: ir.Model, **sides: Any) -> None:
    check(after)
    for batch in BATCHES:
        x = noise(batch, TOKENS, HEADS * WIDTH)
        # One product of fifteen numbers less, in another order.
        np.testing.assert_allclose(opened(after)(x=x)["y"], opened(before)(x=x)["y"], atol=1e-5)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_queries_of_one_product_get_their_own(way: str) -> None:
    after = model(way)
    assert HeadsApart()(after).modified
    assert kinds(after) == ["MatMul", "Add", "Reshape", "Transpose", "Tanh"]
    (product, *_) = after.graph
    assert product.inputs[1] is not None
    assert product.inputs[1].shape == ir.Shape([15, 15])
    unchanged(model(way), after)


def test_a_key_that_is_folded_and_unfolded_is_turned_once() -> None:
    def way() -> ir.Model:
        return graph(
            f"(float[batch, 7, 15] x) => (float[batch, 3, 5, 7] y) {CONSTANTS}",
            """
            p = Reshape(x, heads) h = Transpose<perm = [0, 2, 1, 3]>(p)
            f = Reshape(h, folded) t = Transpose<perm = [0, 2, 1]>(f)
            k = Reshape(t, again) y = Tanh(k)
            """,
        )

    after = way()
    _name_folded(after)
    assert HeadsApart()(after).modified
    assert kinds(after) == ["Reshape", "Transpose", "Tanh"]
    (_, turned, _) = after.graph
    assert tuple(turned.attributes.get_ints("perm")) == (0, 2, 3, 1)
    unchanged(way(), after)


def _name_folded(made: ir.Model) -> None:
    """Say what inference leaves open, and running tells: heads and pictures in one axis."""
    for node in made.graph:
        for value in node.outputs:
            if value.shape is not None and len(value.shape) == 3:
                value.shape = ir.Shape([f"{HEADS}*batch", *list(value.shape)[1:]])
            elif value.shape is not None:
                value.shape = ir.Shape(["batch", *list(value.shape)[1:]])


def test_what_is_canonical_or_is_no_heads_stays() -> None:
    canonical = graph(
        f"(float[batch, 7, 15] x) => (float[batch, 3, 7, 5] y) {CONSTANTS}",
        "p = Reshape(x, heads) q = Transpose<perm = [0, 2, 1, 3]>(p) y = Tanh(q)",
    )
    assert not HeadsApart()(canonical).modified
    mixed = graph(
        "(float[batch, 7, 15] x) => (float[batch, 3, 7, 5] y) <int64[4] mixed = {0, 3, 7, 5},"
        " int64[3] turned = {0, 15, 7}>",
        # Tokens and channels are interchanged before: no token has its own numbers any more.
        "t = Transpose<perm = [0, 2, 1]>(x) q = Reshape(t, mixed) y = Tanh(q)",
    )
    assert not HeadsApart()(mixed).modified


def test_neutral_nodes_go_and_others_stay() -> None:
    made = graph(
        "(float[batch, 7, 15] x) => (float[batch, 7, 15] y)"
        "<float[1, 7, 15] zeros = {0}, float ones = {1}, float half = {0.5},"
        " int64[3] same = {0, 7, 15}>",
        """
        a = Mul(x, ones) b = Div(a, ones) c = Reshape(b, same) d = Mul(c, half)
        e = Sub(ones, d) f = Div(ones, e) y = Tanh(f)
        """,
    )
    assert DropNeutral()(made).modified
    assert kinds(made) == ["Mul", "Sub", "Div", "Tanh"]  # 1 - x and 1 / x are something
