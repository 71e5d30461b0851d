"""Derivatives in the graph: reverse-mode differentiation, one small file a family of operators."""

from vitonnx.graph.gradients import (
    _activations,
    _elementwise,
    _forms,
    _functions,
    _gelus,
    _norms,
    _picks,
    _products,
    _quantised,
    _reductions,
    _softmax,
    _windows,
)
from vitonnx.graph.gradients._again import WAITS_KEY, Again
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._reverse import differentiate
from vitonnx.graph.gradients._rule import RULES, Gradient
from vitonnx.graph.gradients._tape import filled

__all__ = [
    "RULES",
    "WAITS_KEY",
    "Again",
    "Arithmetic",
    "Gradient",
    "differentiate",
    "filled",
    "sides_of",
]

# Each registers its rules.
del (
    _activations,
    _elementwise,
    _forms,
    _functions,
    _gelus,
    _norms,
    _picks,
    _products,
    _quantised,
    _reductions,
    _softmax,
    _windows,
)
