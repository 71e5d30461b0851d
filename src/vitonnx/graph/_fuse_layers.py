"""Layer norms and GELUs written out in primitive operators become one node each.

Exporters multiply and add in any order and association, and optimisers reorder them again. So
for GELUs nothing here looks at the order: products are flattened to a constant and its other
factors, and compared as such.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock

import onnx_ir as ir
from onnxscript.rewriter.rules.fusion._layer_norm import layer_normalization_ruleset

from vitonnx.graph._write import number

__all__ = ["FuseGelus", "FuseLayerNorms"]

# Constants are float32 in some files and float16 in others.
TOLERANCE = 1e-3
# A rule keeps what it matched last, and all threads of a process share it.
ONE_AT_A_TIME = Lock()


class FuseLayerNorms(ir.passes.InPlacePass):
    """Fuse mean, deviation, variance, root, scale and bias into ``LayerNormalization``.

    The rules are onnxscript's: deviation squared by ``Mul`` or ``Pow``, divided by the root or
    multiplied by its reciprocal. Needs inferred types.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fuse in place."""
        # The rules look for what some exporters leave out, as it is the default.
        for node in model.graph.all_nodes():
            if node.op_type == "ReduceMean" and "keepdims" not in node.attributes:
                node.attributes.add(ir.AttrInt64("keepdims", 1))
        with ONE_AT_A_TIME:
            fused = layer_normalization_ruleset.apply_to_model(model)
        return ir.passes.PassResult(model, bool(fused))


@dataclass(frozen=True)
class Product:
    """A constant times some values, each with its multiplicity."""

    constant: float
    factors: Counter[ir.Value] = field(default_factory=Counter)

    def equals(self, constant: float, *factors: ir.Value) -> bool:
        """Whether it is this constant times these factors, in whatever order."""
        close = math.isclose(self.constant, constant, rel_tol=TOLERANCE)
        return close and self.factors == Counter(factors)


class FuseGelus(ir.passes.InPlacePass):
    """Fuse exact (erf) and approximate (tanh) GELUs. Needs opset 20 or later."""

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Fuse in place; unused nodes are left for another pass."""
        modified = False
        for node in list(model.graph):
            if node.op_type == "Erf":
                modified |= _fuse(model.graph, node, _erf_argument(node), "none")
            elif node.op_type == "Tanh":
                modified |= _fuse(model.graph, node, _tanh_argument(node), "tanh")
        return ir.passes.PassResult(model, modified)


def _fuse(graph: ir.Graph, node: ir.Node, x: ir.Value | None, approximate: str) -> bool:
    """Replace half x times (1 + the node's output), wherever it is computed."""
    if x is None:
        return False
    for bracket in _one_plus(node.outputs[0]):
        for product in _products_of(bracket):
            if _flatten(product, stop=bracket).equals(0.5, x, bracket):
                gelu = ir.node("Gelu", [x], {"approximate": approximate})
                gelu.outputs[0].name, product.name = product.name, None
                gelu.outputs[0].type = product.type
                gelu.outputs[0].shape = product.shape
                producer = product.producer()
                if producer is None:
                    continue
                graph.insert_after(producer, gelu)
                ir.convenience.replace_all_uses_with(
                    product, gelu.outputs[0], replace_graph_outputs=True
                )
                return True
    return False


def _erf_argument(erf: ir.Node) -> ir.Value | None:
    """Return x if the argument is x / sqrt(2)."""
    argument = _flatten(erf.inputs[0])
    x = next(iter(argument.factors), None)
    return x if x is not None and argument.equals(math.sqrt(0.5), x) else None


def _tanh_argument(tanh: ir.Node) -> ir.Value | None:
    """Return x if the argument is sqrt(2 / pi) (x + 0.044715 x³)."""
    argument = _flatten(tanh.inputs[0])
    total = next(iter(argument.factors), None)
    if total is None or not argument.equals(math.sqrt(2 / math.pi), total):
        return None
    node = total.producer()
    if node is None or node.op_type != "Add":
        return None
    for x, cubic in (node.inputs, reversed(node.inputs)):
        if x is not None and _flatten(cubic, stop=x).equals(0.044715, x, x, x):
            return x
    return None


def _one_plus(value: ir.Value) -> Iterator[ir.Value]:
    for node in value.consumers():
        if node.op_type == "Add" and 1.0 in map(number, node.inputs):
            yield node.outputs[0]


def _products_of(value: ir.Value) -> Iterator[ir.Value]:
    """Yield what the value is multiplied to, from product to product."""
    for node in value.consumers():
        if node.op_type in ("Mul", "Div"):
            yield node.outputs[0]
            yield from _products_of(node.outputs[0])


def _flatten(value: ir.Value | None, stop: ir.Value | None = None) -> Product:
    """Take a tree of products apart; `stop` is a factor, however it was made."""
    if value is None:
        return Product(math.nan)
    if (constant := number(value)) is not None:
        return Product(constant)
    node = value.producer()
    if node is not None and value is not stop:
        left, right = (*node.inputs, None)[:2]
        exponent = number(right)
        if node.op_type == "Mul":
            a, b = _flatten(left, stop), _flatten(right, stop)
            return Product(a.constant * b.constant, a.factors + b.factors)
        if node.op_type == "Div" and exponent:
            a = _flatten(left, stop)
            return Product(a.constant / exponent, a.factors)
        if node.op_type == "Pow" and exponent in (2.0, 3.0) and left is not None:
            return Product(1.0, Counter({left: int(exponent)}))
    return Product(1.0, Counter([value]))
