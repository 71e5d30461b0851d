"""Rules of whole numbers: rounding is passed straight through, scales are exact.

The gradient of a quantised value is with respect to the whole number, and that of its scale is left
out.

References
----------
Bengio et al. 2013, "Estimating or Propagating Gradients Through Stochastic Neurons",
arXiv:1308.3432.
"""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.graph._last_tokens import SINGLE
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import Seen, rule, unknown


@rule("QuantizeLinear")
def quantize(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of round(x / s): dx / s."""
    return _only_first(seen, write.div(gradient, _scale(write, seen)))


@rule("DequantizeLinear")
def dequantize(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of s (x - zero): s dx."""
    return _only_first(seen, write.mul(gradient, _scale(write, seen)))


@rule("DynamicQuantizeLinear")
def quantize_dynamically(
    write: Arithmetic, seen: Seen, gradient: ir.Value
) -> list[ir.Value | None]:
    """Of round(x / s), with the scale that it finds: dx / s."""
    return [write.div(gradient, seen.node.outputs[1])]


@rule("MatMulInteger")
def matmul_of_integers(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of (A - zero) (B - zero): g (B - zero)ᵀ, g the gradient."""
    if any(seen.wanted[1:]):
        raise unknown(seen, "has weights that depend on the picture")
    numbers = _as_single(write, seen.input(1))
    if len(seen.inputs) > 3 and seen.inputs[3] is not None:
        numbers = write.sub(numbers, _as_single(write, seen.input(3)))
    if len(sides_of(numbers)) != 2 or len(sides_of(seen.output)) < 2:
        raise unknown(seen, "has weights that aren't one matrix")
    full = write.expand(gradient, seen.output, [len(sides_of(gradient)) - 1])
    return _only_first(seen, write.matmul(full, write.turned(numbers)))


def _as_single(write: Arithmetic, value: ir.Value) -> ir.Value:
    return write.op("Cast", [value], sides_of(value), to=SINGLE.value)


def _scale(write: Arithmetic, seen: Seen) -> ir.Value:
    """Give the scale of all, or of each entry along an axis."""
    scale, rank = seen.input(1), len(sides_of(seen.output))
    own = sides_of(scale)
    if own in ((), (1,)) or rank == 1:
        return scale
    if len(own) > 1:
        raise unknown(seen, "has scales of blocks")
    return write.unsqueeze(scale, range(1, rank - seen.axis(1)))


def _only_first(seen: Seen, found: ir.Value) -> list[ir.Value | None]:
    return [found, *[None] * (len(seen.inputs) - 1)]
