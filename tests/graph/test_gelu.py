"""GELUs in every order that exporters write them become one operator with the same values."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnx_ir.passes.common as common
import onnxruntime
import pytest

from vitonnx.graph import FuseGelus

ERF = {
    "half first, factor": "h = Mul(x, half) s = Mul(x, root) e = Erf(s) b = Add(e, one) "
    "y = Mul(h, b)",
    "half last, divisor": "s = Div(x, two) e = Erf(s) b = Add(one, e) p = Mul(b, x) "
    "y = Mul(half, p)",
    "half on bracket": "s = Mul(root, x) e = Erf(s) b = Add(e, one) h = Mul(b, half) y = Mul(x, h)",
    "halved by division": "s = Div(x, two) e = Erf(s) b = Add(e, one) p = Mul(x, b) "
    "y = Div(p, deux)",
}
TANH = {
    "products": "q = Mul(x, x) c = Mul(q, x) k = Mul(c, cube) a = Add(x, k) s = Mul(a, pi) "
    "t = Tanh(s) b = Add(t, one) h = Mul(x, half) y = Mul(h, b)",
    "reassociated": "q = Mul(x, x) k = Mul(cube, x) c = Mul(q, k) a = Add(c, x) s = Mul(pi, a) "
    "t = Tanh(s) b = Add(one, t) h = Mul(half, b) y = Mul(x, h)",
    "power": "c = Pow(x, three) k = Mul(cube, c) a = Add(x, k) s = Mul(a, pi) "
    "t = Tanh(s) b = Add(t, one) p = Mul(x, b) y = Mul(p, half)",
}
CONSTANTS = {
    "half": 0.5,
    "one": 1.0,
    "deux": 2.0,
    "three": 3.0,
    "two": np.sqrt(2.0),
    "root": np.sqrt(0.5),
    "cube": 0.044715,
    "pi": np.sqrt(2.0 / np.pi),
}


def model(body: str, **changed: float) -> ir.Model:
    values = CONSTANTS | changed
    used = [name for name in values if name in body.replace("(", " ").replace(")", " ")]
    constants = " ".join(
        f"{name} = Constant <value = float {{{values[name]}}}> ()" for name in used
    )
    header = '<ir_version: 10, opset_import: ["" : 21]> g (float[5, 3] x) => (float[5, 3] y)'
    return ir.from_onnx_text(f"{header} {{{constants} {body}}}")


def run(model: ir.Model, x: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString())
    return np.asarray(session.run(None, {"x": x})[0])


def operators(model: ir.Model) -> list[str]:
    common.RemoveUnusedNodesPass()(model)
    return [node.op_type for node in model.graph if node.op_type != "Constant"]


@pytest.mark.parametrize(
    ("body", "approximate"),
    [(body, "none") for body in ERF.values()] + [(body, "tanh") for body in TANH.values()],
    ids=[*ERF, *TANH],
)
def test_every_order_becomes_one_gelu_of_the_same_values(body: str, approximate: str) -> None:
    x = np.linspace(-4, 4, 15, dtype=np.float32).reshape(5, 3)
    graph = model(body)
    before = run(graph, x)
    assert FuseGelus()(graph).modified
    assert operators(graph) == ["Gelu"]
    assert graph.graph.node(0).attributes.get_string("approximate") == approximate
    assert graph.graph.outputs[0].name == "y"
    # One float32 operator in place of five to eight of them: a few units in the last place of 4.
    np.testing.assert_allclose(run(graph, x), before, atol=2e-6, rtol=0)


@pytest.mark.parametrize("changed", [{"half": 0.4}, {"one": 2.0}, {"root": 0.9}, {"two": 2.0}])
def test_other_constants_are_no_gelu(changed: dict[str, float]) -> None:
    body = next(body for body in ERF.values() if next(iter(changed)) in body)
    graph = model(body, **changed)
    assert not FuseGelus()(graph).modified


def test_a_product_with_something_else_is_no_gelu() -> None:
    graph = ir.from_onnx_text(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[5] x, float[5] z) => (float[5] y) {
            half = Constant <value = float {0.5}> ()
            one = Constant <value = float {1.0}> ()
            root = Constant <value = float {0.70710678}> ()
            s = Mul(x, root) e = Erf(s) b = Add(e, one) h = Mul(z, half) y = Mul(h, b)
        }"""
    )
    assert not FuseGelus()(graph).modified


def test_a_second_run_finds_nothing() -> None:
    graph = model(ERF["half first, factor"])
    FuseGelus()(graph)
    common.RemoveUnusedNodesPass()(graph)
    assert not FuseGelus()(graph).modified
