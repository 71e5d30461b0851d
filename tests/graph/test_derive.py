"""Values that plans find in a graph: the final norm, and the head of any block's tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from numpy.typing import NDArray

import tiny_models as tiny
from graph.small_graphs import BATCHES, check, graph, noise, opened, pictures, read, run
from vitonnx.contract import FINAL_NORM_KEY, FINAL_TOKENS
from vitonnx.engine import Plan
from vitonnx.engine._plan import plan_graph
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.graph import Derive, read_manifest, write_manifest
from vitonnx.manifest import Manifest, Source

Exported = Callable[[str], Path]
Array = NDArray[Any]

# Two tokens, 3 x 5 patches, one token; 7 channels, 11 classes.
PREFIX, GRID, TOKENS, DIM, CLASSES = 2, (3, 5), 18, 7, 11
PATCHES = slice(PREFIX, PREFIX + 15)
MANIFEST = Manifest(
    name="small",
    family="vit",
    patch_size=8,
    grid=GRID,
    prefix_tokens=("cls", "dist"),
    suffix_tokens=("suffix0",),
    blocks=2,
    heads=1,
    dim=DIM,
    position_grid=None,
    position_prefix=(),
    position_interpolation=None,
    preprocessing=replace(tiny.RECIPE, size=(24, 40)),
    classes=None,
    source=Source(file="none"),
)
WEIGHTS = (
    "float[7] g, float[7] h, float[7] g2, float[7] h2, float[7, 11] w, float[11] c, "
    "float[14, 11] w2, float[7, 7] k, float[7] l, float[7, 11] u, float[11] d, "
    "float[1, 18, 7] places, float[1, 1, 18] shares, float[126, 11] all, float[1, 1, 7] query"
)
CONSTANTS = (
    "int64 zero = {0}, int64 one = {1}, int64[1] i0 = {0}, int64[1] i1 = {1}, int64[1] i2 = {2}, "
    "int64[1] i17 = {17}, int64[1] last_axis = {-1}, int64[2] i23 = {2, 3}, int64[2] i01 = {0, 1}, "
    "float two = {2}, float half = {0.5}, float count = {15}, float eps = {0.00001}, "
    "float[7] ones = {1, 1, 1, 1, 1, 1, 1}, int64[2] rows = {-1, 7}, int64[2] flat = {-1, 126}, "
    "int64[3] apart = {-1, 18, 11}, int64[4] grid = {0, 7, 3, 5}, int64[2] two_dims = {0, -1}, "
    "int64[3] sides = {-1, 18, 7}, int64[2] sizes = {2, 16}, int64[3] thrice = {1, 1, 7}"
)
SIGNATURE = f"(float[b, 18, 7] x, {WEIGHTS}) => (float[b, 18, 7] first, float[b, 18, 7] last"
BLOCKS = "first = Neg(x) last = Add(x, x)"

# Norms of a few numbers of about 1, and products of them, in another order or kernel.
TOLERANCE: dict[str, Any] = {"atol": 2e-6, "rtol": 1e-5}
# Eleven bits, and a few products add up what they round.
HALF: dict[str, Any] = {"atol": 2e-2, "rtol": 1e-2}


def small(head: str, blocks: str = BLOCKS, outputs: str = ", float[b, 11] logits") -> ir.Model:
    """Make a graph of two blocks, of which the second is the input twice, and a head."""
    model = graph(f"{SIGNATURE}{outputs}) <{CONSTANTS}>", f"{blocks} {head}")
    found = model.graph
    for number, value in enumerate(list(found.inputs)[1:]):
        sides = [int(side) for side in value.shape or ()]  # type: ignore[arg-type]
        value.const_value = ir.tensor(noise(*sides, seed=number), name=value.name)
        found.inputs.remove(value)
        found.register_initializer(value)
    for value in found.outputs:
        value.name = {"first": "block_00/tokens", "last": "block_01/tokens"}.get(
            str(value.name), value.name
        )
    write_manifest(model, MANIFEST)
    return model


def weights(model: ir.Model, name: str) -> Array:
    found = model.graph.initializers[name].const_value
    assert found is not None
    return found.numpy()


def layer_norm(x: Array, scale: Array, shift: Array) -> Array:
    x = x.astype(np.float64)
    centred = x - x.mean(-1, keepdims=True)
    return np.asarray(centred / np.sqrt(x.var(-1, keepdims=True) + 1e-5) * scale + shift)


def rms_norm(x: Array, scale: Array) -> Array:
    x = x.astype(np.float64)
    return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * scale)


@dataclass(frozen=True)
class Head:
    body: str
    norm: str = "layer"
    blocks: str = BLOCKS

    def normed(self, x: Array, model: ir.Model) -> Array:
        """Give the last block's tokens behind the final norm, by NumPy."""
        own = {name: weights(model, name) for name in ("g", "h", "g2", "h2")}
        match self.norm:
            case "layer":
                return layer_norm(x, own["g"], own["h"])
            case "rms":
                return rms_norm(x, own["g"])
            case "unit":
                return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))
            case "two":
                both = layer_norm(x, own["g"], own["h"])
                both[:, PATCHES] = layer_norm(x, own["g2"], own["h2"])[:, PATCHES]
                return both
        return x


NORM = "n = LayerNormalization<axis = -1, epsilon = 0.00001>(last, g, h) "
FIRST = "e = Gather<axis = 1>(n, zero) "
CLASSIFIED = "logits = Gemm(e, w, c)"
PICKED = "p = Slice(n, i2, i17, i1) "
MEAN = f"{PICKED} e = ReduceMean<keepdims = 0>(p, i1) "
SQUARES = "s = Mul(last, last) m = ReduceMean<keepdims = 1>(s, last_axis) a = Add(m, eps) "
TURNED = "first = Neg(x) t = Transpose<perm = [1, 0, 2]>(x) r = Add(t, t) "
TURNED += "last = Transpose<perm = [1, 0, 2]>(r)"
LOW = "first = Neg(x) y = Add(x, x) r = Cast<to = 10>(y) last = Cast<to = 1>(r)"
HEADS = {
    "class token": Head(NORM + FIRST + CLASSIFIED),
    "class token by a slice": Head(
        f"{NORM} q = Slice(n, i0, i1, i1) e = Squeeze(q, i1) {CLASSIFIED}"
    ),
    "picked, then normed": Head(
        "q = Gather<axis = 1>(last, zero) e = LayerNormalization<epsilon = 0.00001>(q, g, h) "
        + CLASSIFIED
    ),
    "sliced, then normed": Head(
        "q = Slice(last, i0, i1, i1) n = LayerNormalization<axis = 2, epsilon = 0.00001>(q, g, h) "
        f"e = Squeeze(n) {CLASSIFIED}"
    ),
    "mean of patches": Head(NORM + MEAN + CLASSIFIED),
    "largest of patches": Head(f"{NORM} {PICKED} e = ReduceMax<keepdims = 0>(p, i1) {CLASSIFIED}"),
    "a sum and a quotient": Head(
        f"{NORM} {PICKED} s = ReduceSum<keepdims = 0>(p, i1) e = Div(s, count) {CLASSIFIED}"
    ),
    "global pool": Head(
        f"{NORM} {PICKED} t = Transpose<perm = [0, 2, 1]>(p) q = GlobalAveragePool(t) "
        f"e = Flatten(q) {CLASSIFIED}"
    ),
    "pool of a grid": Head(
        f"{NORM} {PICKED} t = Transpose<perm = [0, 2, 1]>(p) r = Reshape(t, grid) "
        f"e = ReduceMean<keepdims = 0>(r, i23) {CLASSIFIED}"
    ),
    "fc_norm": Head(
        "p = Slice(last, i2, i17, i1) q = ReduceMean<keepdims = 0>(p, i1) "
        f"e = LayerNormalization(q, g, h) {CLASSIFIED}",
        norm="none",
    ),
    "no norm": Head(f"e = Gather<axis = 1>(last, zero) {CLASSIFIED}", norm="none"),
    "interleaved": Head(
        f"{NORM} {PICKED} m = ReduceMean<keepdims = 0>(p, i1) q = Gather<axis = 1>(n, zero) "
        "s = Unsqueeze(q, i2) t = Unsqueeze(m, i2) r = Concat<axis = 2>(s, t) "
        "e = Reshape(r, two_dims) logits = Gemm(e, w2, c)"
    ),
    "side by side": Head(
        f"{NORM} {PICKED} m = ReduceMean<keepdims = 0>(p, i1) q = Gather<axis = 1>(n, zero) "
        "e = Concat<axis = 1>(q, m) logits = Gemm(e, w2, c)"
    ),
    "distilled": Head(
        f"{NORM} q = Gather<axis = 1>(n, zero) r = Gather<axis = 1>(n, one) a = Gemm(q, w, c) "
        "b = Gemm(r, u, d) s = Add(a, b) logits = Mul(s, half)"
    ),
    "mean of two tokens": Head(
        f"{NORM} q = Gather<axis = 1>(n, i01) e = ReduceMean<keepdims = 0>(q, i1) {CLASSIFIED}"
    ),
    "split": Head(
        f"{NORM} q, p = Split<axis = 1>(n, sizes) e = ReduceMean<keepdims = 0>(p, i1) {CLASSIFIED}"
    ),
    "tanh pooler": Head(f"{NORM} {FIRST} y = Gemm(e, k, l) z = Tanh(y) logits = Gemm(z, w, c)"),
    "several layers": Head(
        f"{NORM} {FIRST} y = Gemm(e, k, l) z = Gelu(y) v = Gemm(z, k, l) r = Relu(v) "
        "logits = Gemm(r, w, c)"
    ),
    "classified, then picked": Head(
        f"{NORM} m = MatMul(n, w) a = Add(m, c) logits = Gather<axis = 1>(a, zero)"
    ),
    "all rows in one": Head(
        f"{NORM} r = Reshape(n, rows) m = Gemm(r, w, c) a = Reshape(m, apart) "
        "logits = Gather<axis = 1>(a, zero)"
    ),
    "minus the class token": Head(
        f"{NORM} q = Slice(n, i0, i1, i1) s = Sub(n, q) m = ReduceMean<keepdims = 0>(s, i1) "
        f"f = Gather<axis = 1>(n, one) e = Add(f, m) {CLASSIFIED}"
    ),
    "rms": Head(
        f"{SQUARES} o = Sqrt(a) v = Div(last, o) n = Mul(g, v) {FIRST} {CLASSIFIED}", "rms"
    ),
    "rms by a power": Head(
        "s = Pow(last, two) m = ReduceMean<keepdims = 1>(s, last_axis) a = Add(eps, m) o = Sqrt(a) "
        f"i = Reciprocal(o) v = Mul(last, i) n = Mul(v, g) {MEAN} {CLASSIFIED}",
        "rms",
    ),
    "rms, picked before": Head(
        "q = Gather<axis = 1>(last, zero) s = Mul(q, q) m = ReduceMean<keepdims = 1>(s, i1) "
        f"a = Add(m, eps) o = Sqrt(a) v = Div(q, o) e = Mul(v, g) {CLASSIFIED}",
        "rms",
    ),
    "written out": Head(
        "m = ReduceMean<keepdims = 1>(last, last_axis) y = Sub(last, m) s = Mul(y, y) "
        "v = ReduceMean<keepdims = 1>(s, last_axis) a = Add(v, eps) o = Sqrt(a) z = Div(y, o) "
        f"r = Mul(z, g) n = Add(r, h) {FIRST} {CLASSIFIED}"
    ),
    "scaled and shifted apart": Head(
        "o = LayerNormalization<epsilon = 0.00001>(last, ones) s = Mul(o, g) n = Add(h, s) "
        + FIRST
        + CLASSIFIED
    ),
    "of unit length": Head(
        f"n = LpNormalization<axis = -1, p = 2>(last) {FIRST} {CLASSIFIED}", "unit"
    ),
    "of unit length, written out": Head(
        "l2 = ReduceL2<keepdims = 1>(last, last_axis) k2 = Clip(l2, eps) y = Shape(last) "
        f"z = Expand(k2, y) n = Div(last, z) {FIRST} {CLASSIFIED}",
        "unit",
    ),
    "two norms": Head(
        "q = Slice(last, i0, i2, i1) p = Slice(last, i2, i17, i1) "
        "n = LayerNormalization<epsilon = 0.00001>(q, g, h) "
        "o = LayerNormalization<epsilon = 0.00001>(p, g2, h2) "
        "f = Gather<axis = 1>(n, zero) m = ReduceMean<keepdims = 0>(o, i1) "
        "e = Concat<axis = 1>(f, m) logits = Gemm(e, w2, c)",
        "two",
    ),
    "two norms of all tokens": Head(
        "n = LayerNormalization<epsilon = 0.00001>(last, g, h) "
        "o = LayerNormalization<epsilon = 0.00001>(last, g2, h2) p = Slice(o, i2, i17, i1) "
        "f = Gather<axis = 1>(n, zero) m = ReduceMean<keepdims = 0>(p, i1) "
        "e = Concat<axis = 1>(f, m) logits = Gemm(e, w2, c)",
        "two",
    ),
    "tokens first": Head(
        "n = LayerNormalization<axis = -1, epsilon = 0.00001>(r, g, h) "
        f"e = Gather<axis = 0>(n, zero) {CLASSIFIED}",
        blocks=TURNED,
    ),
    "tokens first, their mean": Head(
        "n = LayerNormalization<axis = -1, epsilon = 0.00001>(r, g, h) p = Slice(n, i2, i17, i0) "
        f"e = ReduceMean<keepdims = 0>(p, i0) {CLASSIFIED}",
        blocks=TURNED,
    ),
    "in half precision": Head(
        "g16 = Cast<to = 10>(g) h16 = Cast<to = 10>(h) w16 = Cast<to = 10>(w) "
        "n = LayerNormalization<axis = -1>(r, g16, h16) e = Gather<axis = 1>(n, zero) "
        "z = MatMul(e, w16) logits = Cast<to = 1>(z)",
        blocks=LOW,
    ),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_the_final_norm_is_that_of_numpy(head: Head) -> None:
    model = small(head.body, head.blocks)
    assert Derive([FINAL_TOKENS])(model).modified
    check(model)
    assert [value.name for value in model.graph.outputs][3:] == [FINAL_TOKENS]
    assert model.metadata_props[FINAL_NORM_KEY] == ("none" if head.norm == "none" else "tokens")
    x = noise(3, TOKENS, DIM)
    found = run(model, x=x)
    assert found[FINAL_TOKENS].dtype == np.float32
    expected = head.normed(found["block_01/tokens"], model)
    tolerance = HALF if head.blocks == LOW else TOLERANCE
    np.testing.assert_allclose(found[FINAL_TOKENS], expected, **tolerance)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_block_s_logits_are_those_of_the_head(head: Head) -> None:
    """The head of any tokens is the graph's own, given half of them: its last block adds both."""
    model = small(head.body, head.blocks)
    given = opened(model)
    names = ["block_00/logits", "block_01/logits", "block_00/patch_logits"]
    Derive(names)(model)
    check(model)
    after = opened(model)
    tolerance = HALF if head.blocks == LOW else TOLERANCE
    for batch in BATCHES:
        x = noise(batch, TOKENS, DIM, seed=batch)
        found = after(x=x)
        # 1e-5 is what is promised; it is the same work.
        np.testing.assert_allclose(found["block_01/logits"], found["logits"], atol=1e-5, rtol=1e-5)
        tokens = found["block_00/tokens"]
        expected = given(x=tokens / 2)["logits"]
        np.testing.assert_allclose(found["block_00/logits"], expected, **tolerance)
        assert found["block_00/patch_logits"].shape == (batch, 15, CLASSES)
        for patch in range(15):
            alone = np.repeat(tokens[:, PREFIX + patch, None], TOKENS, 1)
            expected = given(x=alone / 2)["logits"]
            np.testing.assert_allclose(
                found["block_00/patch_logits"][:, patch], expected, **tolerance
            )


def test_shapes_and_names_are_known() -> None:
    model = small(HEADS["mean of patches"].body)
    names = [FINAL_TOKENS, "block_00/residual", "block_01/logits", "block_00/patch_logits"]
    before = {node.name for node in model.graph}
    Derive(names)(model)
    outputs = {str(value.name): value for value in model.graph.outputs}
    sides = [(18, 7), (18, 7), (11,), (15, 11)]
    for name, expected in zip(names, sides, strict=True):
        shape = outputs[name].shape
        assert shape is not None
        assert not isinstance(shape[0], int)
        assert tuple(shape)[1:] == expected
        assert outputs[name].dtype == ir.DataType.FLOAT
    new = [str(node.name) for node in model.graph if node.name not in before]
    assert all(name.startswith(tuple(f"{each}/" for each in names)) for name in new)
    assert len(set(new)) == len(new)


def test_no_array_of_patches_by_tokens_is_made() -> None:
    for head in HEADS.values():
        model = small(head.body, head.blocks)
        Derive(["block_00/patch_logits"])(model)
        check(model)
        names = [
            node.outputs[0].name
            for node in model.graph
            if str(node.name).startswith("block_00/patch_logits")
        ]
        for name in names:
            value = next(v for node in model.graph for v in node.outputs if v.name == name)
            if value not in model.graph.outputs:
                model.graph.outputs.append(value)
        found = run(model, x=noise(1, TOKENS, DIM))
        # 15 patches of 14 channels at most: class token and mean side by side.
        assert max(found[str(name)].size for name in names) <= 15 * 14


def test_what_is_not_asked_for_is_not_added() -> None:
    model = small(HEADS["class token"].body)
    names = [value.name for value in model.graph.outputs]
    Derive(["block_00/residual"])(model)
    assert [value.name for value in model.graph.outputs] == [*names, "block_00/residual"]
    assert FINAL_NORM_KEY not in model.metadata_props
    assert not Derive(["block_00/residual"])(model).modified
    found = run(model, x=noise(1, TOKENS, DIM))
    np.testing.assert_array_equal(found["block_00/residual"], found["block_00/tokens"])


@pytest.mark.parametrize(
    "block",
    [
        "last = LayerNormalization(x, g, h)",
        "n = LayerNormalization(x, g, h) y = Cast<to = 10>(n) last = Cast<to = 1>(y)",
        "s = Mul(x, x) m = ReduceMean<keepdims = 1>(s, last_axis) a = Add(m, eps) o = Sqrt(a) "
        "v = Div(x, o) last = Mul(g, v)",
        "m = ReduceMean<keepdims = 1>(x, last_axis) y = Sub(x, m) s = Mul(y, y) "
        "v = ReduceMean<keepdims = 1>(s, last_axis) a = Add(v, eps) o = Sqrt(a) z = Div(y, o) "
        "r = Mul(z, g) last = Add(r, h)",
        "last = LpNormalization<axis = -1>(x)",
    ],
)
def test_a_stream_that_is_normalised_has_no_residual(block: str) -> None:
    model = small(f"e = Gather<axis = 1>(last, zero) {CLASSIFIED}", f"first = Neg(x) {block}")
    with pytest.raises(UsageError, match="normalises its residual stream inside the blocks"):
        Derive(["block_01/residual"])(model)
    Derive(["block_00/residual", FINAL_TOKENS])(model)
    assert model.metadata_props[FINAL_NORM_KEY] == "none"


@pytest.mark.parametrize(
    "block",
    [
        # A branch that is normalised and added, scaled by layer, and with positions added again.
        "n = LayerNormalization(x, g, h) last = Add(x, n)",
        "n = LayerNormalization(x, g, h) s = Mul(n, g2) last = Add(s, x)",
        "n = LayerNormalization(x, g, h) s = Add(n, x) last = Add(s, places)",
    ],
)
def test_a_stream_to_which_norms_are_added_is_a_residual(block: str) -> None:
    model = small(f"e = Gather<axis = 1>(last, zero) {CLASSIFIED}", f"first = Neg(x) {block}")
    Derive(["block_01/residual"])(model)


def test_a_norm_behind_a_normalised_stream_is_the_final_one() -> None:
    head = "n = LayerNormalization<epsilon = 0.00001>(last, g, h) " + FIRST + CLASSIFIED
    model = small(head, "first = Neg(x) last = LayerNormalization(x, g2, h2)")
    Derive([FINAL_TOKENS])(model)
    assert model.metadata_props[FINAL_NORM_KEY] == "tokens"
    found = run(model, x=noise(2, TOKENS, DIM))
    expected = layer_norm(found["block_01/tokens"], weights(model, "g"), weights(model, "h"))
    np.testing.assert_allclose(found[FINAL_TOKENS], expected, **TOLERANCE)


MIXED = {
    "all tokens in one vector": (
        f"{NORM} r = Reshape(n, flat) logits = Gemm(r, all, c)",
        "puts tokens together to one vector (Reshape",
    ),
    "a weight for each token": (
        f"{NORM} s = MatMul(shares, n) e = Squeeze(s, i1) {CLASSIFIED}",
        "sums over tokens (MatMul",
    ),
    "a place for each token": (
        f"{NORM} s = Add(n, places) e = ReduceMean<keepdims = 0>(s, i1) {CLASSIFIED}",
        "treats every token in its own way (Add",
    ),
    "normalised over tokens": (
        f"{NORM} t = Transpose<perm = [0, 2, 1]>(n) s = Softmax<axis = -1>(t) "
        f"e = ReduceMax<keepdims = 0>(s, i2) {CLASSIFIED}",
        "weighs tokens against each other (Softmax",
    ),
    "a spread": (
        f"{NORM} e = ReduceL2<keepdims = 0>(n, i1) {CLASSIFIED}",
        "can't do to one alone (ReduceL2",
    ),
    "the strongest": (
        f"{NORM} y = ArgMax<axis = 1, keepdims = 0>(n) z = Cast<to = 1>(y) e = Mul(z, g) "
        + CLASSIFIED,
        "can't do to one alone (ArgMax",
    ),
    "a running sum": (
        f"{NORM} s = CumSum(n, one) e = Gather<axis = 1>(s, zero) {CLASSIFIED}",
        "can't do to one alone (CumSum",
    ),
}


@pytest.mark.parametrize(("body", "words"), MIXED.values(), ids=MIXED)
def test_a_head_that_reads_no_patch_by_itself_is_refused(body: str, words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        Derive(["block_00/patch_logits"])(small(body))
    model = small(body)  # its logits are right all the same
    given = opened(model)
    Derive(["block_00/logits"])(model)
    found = run(model, x=noise(2, TOKENS, DIM))
    expected = given(x=found["block_00/tokens"] / 2)["logits"]
    np.testing.assert_allclose(found["block_00/logits"], expected, **TOLERANCE)


SCORES = "t = Transpose<perm = [0, 2, 1]>(n) s = MatMul(query, t) a = Softmax(s) "
ATTENTION = {
    "a product": f"{NORM} {SCORES} v = MatMul(a, n) e = Squeeze(v, i1) {CLASSIFIED}",
    "a sum": (
        f"{NORM} {SCORES} y = Transpose<perm = [0, 2, 1]>(a) v = Mul(y, n) "
        f"e = ReduceSum<keepdims = 0>(v, i1) {CLASSIFIED}"
    ),
}


@pytest.mark.parametrize("name", ["block_00/logits", "block_00/patch_logits"])
@pytest.mark.parametrize("body", ATTENTION.values(), ids=ATTENTION)
def test_attention_pooling_is_refused(body: str, name: str) -> None:
    words = "pools by attention (Softmax 'softmax_"
    with pytest.raises(UsageError, match=re.escape(words)):
        Derive([name])(small(body))


@pytest.mark.parametrize("name", ["block_00/logits", "block_00/patch_logits"])
def test_other_heads_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="the model has no head"):
        Derive([name])(small("", outputs=""))
    both = "a = Add(first, last) e = Gather<axis = 1>(a, zero) " + CLASSIFIED
    with pytest.raises(UsageError, match="reads more than the last block's tokens"):
        Derive([name])(small(both))


def test_what_there_is_not() -> None:
    for name in ("block_07/logits", "block_07/residual", "block_02/patch_logits", "logit"):
        with pytest.raises(ModelFileError):
            Derive([name])(small(HEADS["class token"].body))


def test_probabilities_are_no_attention() -> None:
    model = small(f"{NORM} {FIRST} y = Gemm(e, w, c) logits = Softmax(y)")
    given = opened(model)
    Derive(["block_00/logits", "block_00/patch_logits"])(model)
    found = run(model, x=noise(2, TOKENS, DIM))
    expected = given(x=found["block_00/tokens"] / 2)["logits"]
    np.testing.assert_allclose(found["block_00/logits"], expected, **TOLERANCE)


KINDS = ["plain", "distilled", "registers", "pooled", "dino_linear", "headless"]


@pytest.mark.parametrize("size", [None, (48, 72)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_ported_files_as_they_are_planned(
    kind: str, size: tuple[int, int] | None, exported: Exported
) -> None:
    file = exported(kind)
    has_head = kind != "headless"
    names = [FINAL_TOKENS, "block_00/residual", "block_00/tokens", "block_01/tokens", "embedding"]
    if has_head:
        names += ["logits", "block_00/logits", "block_01/logits", "block_00/patch_logits"]
    model = plan_graph(read(file), Plan(outputs=tuple(names), size=size))
    check(model)
    manifest = read_manifest(model)
    found = run(model, images=pictures(3, *manifest.size))
    np.testing.assert_array_equal(found["block_00/residual"], found["block_00/tokens"])
    scale, shift = (weights(read(file), f"norm/{name}") for name in ("scale", "bias"))
    config, last = tiny.CONFIGS[kind], found["block_01/tokens"]
    patches = slice(manifest.prefix, manifest.prefix + manifest.patches)

    def norm(x: Array) -> Array:
        centred = x - x.mean(-1, keepdims=True, dtype=np.float64)
        return np.asarray(
            centred / np.sqrt(x.var(-1, keepdims=True) + config.epsilon) * scale + shift
        )

    pooled = config.norm_after_pooling
    assert model.metadata_props[FINAL_NORM_KEY] == ("none" if pooled else "tokens")
    expected = last if pooled else norm(last)
    np.testing.assert_allclose(found[FINAL_TOKENS], expected, **TOLERANCE)
    if not has_head:
        return
    np.testing.assert_allclose(found["block_01/logits"], found["logits"], **TOLERANCE)

    def head(first: Array, second: Array, mean: Array) -> Array:
        """Classify class token, distillation token and mean patch, normalised where they are."""
        kernel, bias = (weights(read(file), f"head/{name}") for name in ("kernel", "bias"))
        match config.pooling:
            case "cls+dist":
                kernel2, bias2 = (
                    weights(read(file), f"head_dist/{name}") for name in ("kernel", "bias")
                )
                return np.asarray((first @ kernel + bias + second @ kernel2 + bias2) / 2)
            case "cls+mean":
                first = np.stack([first, mean], -1).reshape(*first.shape[:-1], -1)
            case "mean":
                first = norm(mean)
        return np.asarray(first @ kernel + bias)

    tokens = found["block_00/tokens"] if pooled else norm(found["block_00/tokens"])
    whole = head(tokens[:, 0], tokens[:, 1], tokens[:, patches].mean(1))
    np.testing.assert_allclose(found["block_00/logits"], whole, **TOLERANCE)
    each = tokens[:, patches]
    np.testing.assert_allclose(found["block_00/patch_logits"], head(each, each, each), **TOLERANCE)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_heads_and_norms_are_single_in_plans_of_fewer_bits(
    precision: Any, exported: Exported
) -> None:
    names = (FINAL_TOKENS, "block_00/logits", "block_00/patch_logits")
    model = plan_graph(read(exported("plain")), Plan(outputs=names, precision=precision))
    ours = [node for node in model.graph if str(node.name).startswith(names)]
    assert {node.op_type for node in ours} >= {"LayerNormalization", "MatMul"}
    whole = {ir.DataType.FLOAT, ir.DataType.INT64}
    assert {value.dtype for node in ours for value in node.outputs} <= whole | {None}
    found = run(model, images=pictures(2))
    exact = run(plan_graph(read(exported("plain")), Plan(outputs=names)), images=pictures(2))
    for name in names:
        # What fp16 makes of the blocks, and what int8 does.
        limit = {"fp16": 1e-2, "int8": 0.3}[precision]
        np.testing.assert_allclose(found[name], exact[name], atol=limit)
