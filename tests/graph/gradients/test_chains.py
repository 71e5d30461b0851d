"""Chains of operators as Vision Transformers have them, against torch's autograd in double."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import pytest

from graph.gradients.differences import Array, Side, checked, derive
from graph.small_graphs import HEADER
from vitonnx.graph.gradients import Arithmetic, Gradient, differentiate, sides_of

BATCH = 3
# Numbers of about 1 in single precision, through up to thirty operators.
CLOSE: dict[str, Any] = {"rtol": 0, "atol": 3e-5}

Torch = Callable[[Any, dict[str, Any]], Any]

SHAPES: dict[str, tuple[int, ...]] = {
    "scale": (6,), "shift": (6,), "qkv": (6, 18), "out": (6, 6), "layer": (6,), "one": (6, 11),
    "two": (11, 6), "gate": (6, 11), "up": (6, 11), "head": (6, 5), "cos": (7, 6), "sin": (7, 6),
    "kernel": (6, 3, 2, 3), "flat": (18, 6), "table": (5, 2),
}  # fmt: skip

BLOCK = """
    a = LayerNormalization(x, scale, shift)
    b = MatMul(a, qkv)
    to = Constant<value_ints = [0, 7, 3, 2, 3]>()
    c = Reshape(b, to)
    d = Transpose<perm = [2, 0, 3, 1, 4]>(c)
    zero = Constant<value_int = 0>()
    one_ = Constant<value_int = 1>()
    two_ = Constant<value_int = 2>()
    q = Gather<axis = 0>(d, zero)
    k = Gather<axis = 0>(d, one_)
    v = Gather<axis = 0>(d, two_)
    turned = Transpose<perm = [0, 1, 3, 2]>(k)
    scores = MatMul(q, turned)
    attention = Softmax(scores)
    e = MatMul(attention, v)
    f = Transpose<perm = [0, 2, 1, 3]>(e)
    back = Constant<value_ints = [0, 0, 6]>()
    g = Reshape(f, back)
    h = MatMul(g, out)
    i = Mul(h, layer)
    j = Add(x, i)
    l = LayerNormalization(j, scale, shift)
    m = MatMul(l, one)
    n_ = Gelu(m)
    o = MatMul(n_, two)
    z = Add(j, o)
"""


def block(x: Any, w: dict[str, Any]) -> Any:
    """Compute a block by torch."""
    import torch
    from torch.nn.functional import gelu, layer_norm

    normal = layer_norm(x, (6,), w["scale"], w["shift"])
    q, k, v = (normal @ w["qkv"]).reshape(-1, 7, 3, 2, 3).permute(2, 0, 3, 1, 4)
    mixed = (torch.softmax(q @ k.transpose(-1, -2), -1) @ v).transpose(1, 2).reshape(-1, 7, 6)
    x = x + mixed @ w["out"] * w["layer"]
    return x + gelu(layer_norm(x, (6,), w["scale"], w["shift"]) @ w["one"]) @ w["two"]


def halves(x: Any, w: dict[str, Any]) -> Any:
    import torch

    return x * w["cos"] + torch.cat([-x[..., 3:], x[..., :3]], -1) * w["sin"]


def pairs(x: Any, w: dict[str, Any]) -> Any:
    import torch

    turned = torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)
    return x * w["cos"] + turned * w["sin"]


def swiglu(x: Any, w: dict[str, Any]) -> Any:
    from torch.nn.functional import silu

    return (silu(x @ w["gate"]) * (x @ w["up"])) @ w["two"]


def patches(x: Any, w: dict[str, Any]) -> Any:
    from torch.nn.functional import conv2d

    return conv2d(x, w["kernel"], stride=(2, 3)).flatten(2).transpose(1, 2)


def cut_patches(x: Any, w: dict[str, Any]) -> Any:
    parts = x.reshape(-1, 3, 2, 2, 3, 3).permute(0, 2, 4, 3, 5, 1)
    return parts.reshape(-1, 6, 18) @ w["flat"]


GRID, WAY = [[6, 0, 3], [1, 2, 5], [4, 0, 1]], [1, 5, 4, 2, 6, 5, 0]
BIAS = [[0, 1, 2], [3, 4, 0], [1, 1, 3]]


def windows(x: Any, w: dict[str, Any]) -> Any:
    import torch

    part = x[:, np.asarray(GRID)]
    scores = part @ part.transpose(-1, -2) + w["table"][:, 0][np.asarray(BIAS)]
    return (torch.softmax(scores, -1) @ part).reshape(-1, 9, 6)[:, WAY]


def rms(x: Any, w: dict[str, Any]) -> Any:
    import torch

    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * w["scale"]


def joined(x: Any, w: dict[str, Any]) -> Any:
    import torch

    return torch.cat([w["head"].T[None, :2].expand(len(x), 2, 6), x], 1)


CHAINS: dict[str, tuple[str, str, Torch]] = {
    "class token": (
        "n, 7, 6",
        f"{BLOCK} r = Gather<axis = 1>(z, zero) y = MatMul(r, head)",
        lambda x, w: block(x, w)[:, 0] @ w["head"],
    ),
    "two tokens and the last": (
        "n, 7, 6",
        f"""{BLOCK} r = Gather<axis = 1>(z, zero) y1 = MatMul(r, head)
        last = Constant<value_int = -1>() s = Gather<axis = 1>(z, last) y2 = MatMul(s, head)
        t = Gather<axis = 1>(z, one_) y3 = MatMul(t, head) y12 = Add(y1, y2) y = Mul(y12, y3)""",
        lambda x, w: (
            (block(x, w)[:, 0] @ w["head"] + block(x, w)[:, -1] @ w["head"])
            * (block(x, w)[:, 1] @ w["head"])
        ),
    ),
    "mean of all tokens": (
        "n, 7, 6",
        f"""{BLOCK} axes = Constant<value_ints = [1]>() r = ReduceMean<keepdims = 0>(z, axes)
        y = MatMul(r, head)""",
        lambda x, w: block(x, w).mean(1) @ w["head"],
    ),
    "class token beside the patches' mean": (
        "n, 7, 6",
        f"""{BLOCK} axes = Constant<value_ints = [1]>() end = Constant<value_ints = [7]>()
        r = Gather<axis = 1>(z, zero) s = Slice(z, axes, end, axes)
        t = ReduceMean<keepdims = 0>(s, axes) u = Concat<axis = -1>(r, t)
        both = Concat<axis = 0>(head, head) y = MatMul(u, both)""",
        lambda x, w: (block(x, w)[:, 0] + block(x, w)[:, 1:].mean(1)) @ w["head"],
    ),
    "rotary halves": (
        "n, 7, 6",
        """a, b = Split<axis = -1, num_outputs = 2>(x) c = Neg(b) d = Concat<axis = -1>(c, a)
        e = Mul(x, cos) f = Mul(d, sin) y = Add(e, f)""",
        halves,
    ),
    "rotary pairs": (
        "n, 7, 6",
        """zero = Constant<value_ints = [0]>() one_ = Constant<value_ints = [1]>()
        two_ = Constant<value_ints = [2]>() end = Constant<value_ints = [9223372036854775807]>()
        last = Constant<value_ints = [-1]>()
        a = Slice(x, zero, end, last, two_) b = Slice(x, one_, end, last, two_) c = Neg(b)
        d = Unsqueeze(c, last) e = Unsqueeze(a, last) f = Concat<axis = -1>(d, e)
        to = Constant<value_ints = [0, 0, 6]>() g = Reshape(f, to)
        h = Mul(x, cos) i = Mul(g, sin) y = Add(h, i)""",
        pairs,
    ),
    "SwiGLU": (
        "n, 7, 6",
        """a = MatMul(x, gate) b = Sigmoid(a) c = Mul(a, b) d = MatMul(x, up) e = Mul(c, d)
        y = MatMul(e, two)""",
        swiglu,
    ),
    "patches": (
        "n, 3, 5, 10",
        """a = Conv<strides = [2, 3]>(x, kernel) to = Constant<value_ints = [0, 6, -1]>()
        b = Reshape(a, to) y = Transpose<perm = [0, 2, 1]>(b)""",
        patches,
    ),
    "patches without a convolution": (
        "n, 3, 4, 9",
        """to = Constant<value_ints = [-1, 3, 2, 2, 3, 3]>() a = Reshape(x, to)
        b = Transpose<perm = [0, 2, 4, 3, 5, 1]>(a) back = Constant<value_ints = [-1, 6, 18]>()
        c = Reshape(b, back) y = MatMul(c, flat)""",
        cut_patches,
    ),
    "windows": (
        "n, 7, 6",
        """grid = Constant<value = int64[3, 3] {6, 0, 3, 1, 2, 5, 4, 0, 1}>()
        a = Gather<axis = 1>(x, grid) b = Transpose<perm = [0, 1, 3, 2]>(a) c = MatMul(a, b)
        zero = Constant<value_int = 0>() d = Gather<axis = 1>(table, zero)
        places = Constant<value = int64[3, 3] {0, 1, 2, 3, 4, 0, 1, 1, 3}>()
        e = Gather(d, places) f = Add(c, e) g = Softmax(f) h = MatMul(g, a)
        to = Constant<value_ints = [0, 9, 6]>() i = Reshape(h, to)
        way = Constant<value_ints = [1, 5, 4, 2, 6, 5, 0]>() y = Gather<axis = 1>(i, way)""",
        windows,
    ),
    "root mean square": (
        "n, 7, 6",
        """p = Constant<value_float = 2.0>() a = Pow(x, p) axes = Constant<value_ints = [-1]>()
        b = ReduceMean(a, axes) eps = Constant<value_float = 0.000001>() c = Add(b, eps)
        d = Sqrt(c) e = Reciprocal(d) f = Mul(x, e) y = Mul(f, scale)""",
        rms,
    ),
    "prefix tokens": (
        "n, 7, 6",
        """t = Transpose(head) o = Constant<value_ints = [0]>() e = Constant<value_ints = [2]>()
        s = Slice(t, o, e) u = Unsqueeze(s, o) shape = Shape<start = 0, end = 1>(x)
        rest = Constant<value_ints = [2, 6]>() all = Concat<axis = 0>(shape, rest)
        w = Expand(u, all) y = Concat<axis = 1>(w, x)""",
        joined,
    ),
}


def weights() -> dict[str, Array]:
    draw = np.random.default_rng(3)
    return {
        name: draw.standard_normal(shape).astype(np.float32) * 0.7 for name, shape in SHAPES.items()
    }


def built(shape: str, body: str) -> ir.Model:
    """Parse a chain from x to y, with the weights that it names."""
    model = ir.from_onnx_text(f"{HEADER} g (float[{shape}] x) => (y) {{ {body} }}")
    graph = model.graph
    for name, array in weights().items():
        value = ir.Value(name=name, const_value=ir.tensor(array, name=name))
        value.shape, value.type = ir.Shape(array.shape), ir.TensorType(ir.DataType.FLOAT)
        used = False
        for node in graph:
            for place, read in enumerate(node.inputs):
                if read is not None and read.name == name:
                    node.replace_input_with(place, value)
                    used = True
        if used:
            graph.register_initializer(value)
    for number, node in enumerate(graph):
        node.name = f"{node.op_type}_{number}"
    common.ShapeInferencePass()(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    return model


def seed_of(model: ir.Model) -> list[Side]:
    return ["n" if side is None else side for side in sides_of(model.graph.outputs[0])]


@pytest.mark.peers
@pytest.mark.parametrize("name", CHAINS)
def test_chains_have_the_gradients_of_autograd(name: str) -> None:
    import torch

    shape, body, by_torch = CHAINS[name]
    model = built(shape, body)
    wanted = [model.graph.inputs[0]]
    derive(model, model.graph.outputs[0], seed_of(model), wanted, "g")
    sides = [int(side) for side in shape.split(", ")[1:]]
    draw = np.random.default_rng(11)
    for batch in (1, BATCH):
        x = draw.standard_normal((batch, *sides)).astype(np.float32)
        varied = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        double = {key: torch.tensor(array, dtype=torch.float64) for key, array in weights().items()}
        y = by_torch(varied, double)
        seed = draw.standard_normal(y.shape).astype(np.float32)
        (y * torch.tensor(seed, dtype=torch.float64)).sum().backward()
        found = checked(model)(x=x, **{"g/seed": seed})
        np.testing.assert_allclose(found["y"], y.detach().numpy(), **CLOSE)
        expected = varied.grad.numpy()
        scale = max(1.0, float(abs(expected).max()))
        np.testing.assert_allclose(found["g/x"] / scale, expected / scale, **CLOSE)


def written_for(body: str) -> tuple[list[ir.Node], dict[str, list[Gradient]]]:
    """Differentiate a block with respect to its input and its attention."""
    model = built("n, 7, 6", body)
    graph = model.graph
    seed = ir.Value(
        name="seed", shape=ir.Shape(seed_of(model)), type=ir.TensorType(ir.DataType.FLOAT)
    )
    wanted = {str(v.name): v for n in graph for v in n.outputs if v.name in ("attention", "j")}
    write = Arithmetic(graph, "g")
    found = differentiate(write, graph.outputs[0], seed, list(wanted.values()), list(graph))
    return write.nodes, {name: list(found[value]) for name, value in wanted.items()}


def test_of_a_block_whose_class_token_is_read_the_mlp_is_gone_through_once() -> None:
    nodes, found = written_for(CHAINS["class token"][1])
    hidden = [sides_of(node.outputs[0]) for node in nodes if 11 in sides_of(node.outputs[0])]
    assert hidden
    assert set(hidden) <= {(None, 1, 11), (11, 6), (6, 11)}
    (of_attention,) = found["attention"]
    assert of_attention.cut is not None
    assert sides_of(of_attention.value) == (None, 2, 1, 7)


def test_of_a_mean_of_tokens_one_vector_is_gone_through() -> None:
    nodes, found = written_for(CHAINS["mean of all tokens"][1])
    into_mlp = [node for node in nodes if node.op_type == "MatMul"]
    # The head, and the second layer of the MLP, whose gradient is the same for all tokens.
    assert [sides_of(node.outputs[0])[-2:] for node in into_mlp[:2]] == [(None, 6), (1, 11)]
    assert found["j"][0].cut is None


def test_three_parts_that_are_all_of_a_value_are_put_together() -> None:
    nodes, _ = written_for(CHAINS["mean of all tokens"][1].replace("Gelu", "Relu"))
    assert not [node for node in nodes if node.op_type == "Pad"]


def test_of_rotary_halves_none_is_padded() -> None:
    shape, body, _ = CHAINS["rotary halves"]
    body = body.replace(
        "a, b = Split<axis = -1, num_outputs = 2>(x)",
        """
        zero = Constant<value_ints = [0]>() three = Constant<value_ints = [3]>()
        six = Constant<value_ints = [6]>() last = Constant<value_ints = [-1]>()
        a = Slice(x, zero, three, last) b = Slice(x, three, six, last)""",
    )
    model = built(shape, body)
    derive(model, model.graph.outputs[0], seed_of(model), [model.graph.inputs[0]], "g")
    written = [node.op_type for node in model.graph if str(node.name).startswith("g/")]
    assert "Pad" not in written
    assert written.count("Add") == 1
