"""Rules of activations: those with kinks, and those of exponentials."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._functions import of_one_number
from vitonnx.graph.gradients._rule import Seen, rule


@rule("Relu")
@of_one_number
def relu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Give dx where x is positive."""
    zero = write.array(0.0)
    return write.where(write.compare("Greater", seen.input(0), zero), gradient, zero)


@rule("Clip")
@of_one_number
def clip(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Give dx where x is within the bounds."""
    kept = write.compare("Equal", seen.input(0), seen.output)
    return write.where(kept, gradient, write.array(0.0))


@rule("HardSigmoid")
@of_one_number
def hard_sigmoid(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Give alpha dx between the flat ends."""
    alpha = seen.node.attributes.get_float("alpha", 0.2)
    rising = _is_between(write, seen.output, 0.0, 1.0)
    return write.where(rising, write.mul(gradient, alpha), write.array(0.0))


@rule("HardSwish")
@of_one_number
def hard_swish(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of x times min(max(x / 6 + 1 / 2, 0), 1): x / 3 + 1 / 2 between -3 and 3, then 1."""
    value, zero = seen.input(0), write.array(0.0)
    slope = write.add(write.mul(value, 1 / 3), write.array(0.5))
    rising = write.where(_is_between(write, value, -3.0, 3.0), slope, zero)
    above = write.compare("GreaterOrEqual", value, write.array(3.0))
    return write.mul(gradient, write.where(above, write.array(1.0), rising))


def _is_between(write: Arithmetic, value: ir.Value, low: float, high: float) -> ir.Value:
    bounds = [
        write.compare("Greater", value, write.array(low)),
        write.compare("Less", value, write.array(high)),
    ]
    return write.op("And", bounds, sides_of(value), ir.DataType.BOOL)


@rule("LeakyRelu")
@of_one_number
def leaky_relu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Give dx where x is positive, alpha dx elsewhere."""
    alpha = seen.node.attributes.get_float("alpha", 0.01)
    return _where_positive(write, seen, gradient, write.mul(gradient, alpha))


@rule("PRelu")
def prelu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give dx where x is positive, its slope times dx elsewhere."""
    value, slope = seen.input(0), seen.input(1)
    found: list[ir.Value | None] = [None, None]
    if seen.wanted[0]:
        found[0] = _where_positive(write, seen, gradient, write.mul(gradient, slope))
    if seen.wanted[1]:
        falls = _where_positive(write, seen, write.array(0.0), write.mul(gradient, value))
        found[1] = write.unbroadcast(falls, seen.output, sides_of(slope))
    return found


@rule("Elu")
@of_one_number
def elu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = alpha (exp(x) - 1) where x is negative: (y + alpha) dx."""
    alpha = write.array(seen.node.attributes.get_float("alpha", 1.0))
    falls = write.mul(gradient, write.add(seen.output, alpha))
    return _where_positive(write, seen, gradient, falls)


@rule("Selu")
@of_one_number
def selu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = gamma times Elu of x: (y + gamma alpha) dx where x is negative."""
    alpha = seen.node.attributes.get_float("alpha", 1.6732632)
    gamma = seen.node.attributes.get_float("gamma", 1.050701)
    falls = write.mul(gradient, write.add(seen.output, write.array(alpha * gamma)))
    return _where_positive(write, seen, write.mul(gradient, gamma), falls)


@rule("Celu")
@of_one_number
def celu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = alpha (exp(x / alpha) - 1) where x is negative: (y / alpha + 1) dx."""
    alpha = seen.node.attributes.get_float("alpha", 1.0)
    slope = write.add(write.mul(seen.output, 1 / alpha), write.array(1.0))
    return _where_positive(write, seen, gradient, write.mul(gradient, slope))


def _where_positive(write: Arithmetic, seen: Seen, rising: ir.Value, falling: ir.Value) -> ir.Value:
    return write.where(write.compare("Greater", seen.input(0), write.array(0.0)), rising, falling)


@rule("Softsign")
@of_one_number
def softsign(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of x / (1 + |x|): dx / (1 + |x|)²."""
    length = write.add(write.unary("Abs", seen.input(0)), write.array(1.0))
    return write.div(gradient, write.mul(length, length))


@rule("Mish")
@of_one_number
def mish(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of x t with t = tanh(softplus(x)): t + x (1 - t²) sigmoid(x)."""
    value = seen.input(0)
    share = write.unary("Tanh", write.unary("Softplus", value))
    falls = write.sub(write.array(1.0), write.mul(share, share))
    steep = write.mul(write.mul(value, write.unary("Sigmoid", value)), falls)
    return write.mul(gradient, write.add(share, steep))
