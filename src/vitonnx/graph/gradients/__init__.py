"""Derivatives in the graph: reverse-mode differentiation, one small file a family of operators."""

from importlib import import_module

from vitonnx.graph.gradients._again import WAITS_KEY, Again
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._reverse import differentiate
from vitonnx.graph.gradients._rule import RULES, Gradient
from vitonnx.graph.gradients._tape import filled, summed

__all__ = [
    "RULES",
    "WAITS_KEY",
    "Again",
    "Arithmetic",
    "Gradient",
    "differentiate",
    "filled",
    "sides_of",
    "summed",
]

FAMILIES = (
    *("activations", "elementwise", "forms", "functions", "gelus", "norms", "picks", "products"),
    *("quantised", "reductions", "softmax", "windows"),
)
for family in FAMILIES:
    import_module(f"{__name__}._{family}")  # which registers its rules
