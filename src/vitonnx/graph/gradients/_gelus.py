"""Rules of GELUs: exact, by tanh, by a sigmoid."""

from __future__ import annotations

import math

import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._functions import of_one_number
from vitonnx.graph.gradients._rule import Seen, rule


@rule("QuickGelu")
@of_one_number
def quick_gelu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of x s with s = sigmoid(a x): s (1 + a x (1 - s))."""
    one, alpha = write.array(1.0), seen.node.attributes.get_float("alpha", 1.702)
    scaled = write.mul(seen.input(0), alpha)
    share = write.unary("Sigmoid", scaled)
    slope = write.add(write.mul(scaled, write.sub(one, share)), one)
    return write.mul(gradient, write.mul(share, slope))


@rule("Gelu")
@of_one_number
def gelu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of x P(x), P the normal distribution's: P(x) + x p(x), p its density; or by tanh."""
    if seen.node.attributes.get_string("approximate", "none") == "tanh":
        return _by_tanh(write, seen.input(0), gradient)
    # With z = x / sqrt(2), the slope is (1 + erf(z)) / 2 + z exp(-z²) / sqrt(pi), in few passes: a
    # hard sigmoid is a product and a sum in one, and the factor is in the exponent.
    scaled = write.mul(seen.input(0), math.sqrt(0.5))
    exponent = write.sub(write.array(-math.log(math.pi) / 2), write.mul(scaled, scaled))
    steep = write.mul(write.unary("Exp", exponent), scaled)
    erf = write.unary("Erf", scaled)
    risen = write.op("HardSigmoid", [erf], sides_of(erf), alpha=0.5, beta=0.5)
    return write.mul(write.add(steep, risen), gradient)


@rule("FastGelu")
def fast_gelu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of the approximation by tanh, whose second input is a bias."""
    value = seen.input(0)
    bias = seen.inputs[1] if len(seen.inputs) > 1 else None
    found = _by_tanh(write, value if bias is None else write.add(value, bias), gradient)
    if bias is None:
        return [found, *[None] * (len(seen.inputs) - 1)]
    return [found, write.unbroadcast(found, seen.output, sides_of(bias))]


def _by_tanh(write: Arithmetic, value: ir.Value, gradient: ir.Value) -> ir.Value:
    """Of x (1 + tanh(u)) / 2 = x s with s = sigmoid(2u): s (1 + (1 - s) 2u' x).

    2u = x (c + k x²), so 2u' x = x (3 (c + k x²) - 2c).
    """
    linear = math.sqrt(8 / math.pi)
    square = write.mul(write.mul(value, value), 0.044715 * linear)
    inner = write.add(square, write.array(linear))
    share = write.unary("Sigmoid", write.mul(inner, value))
    steep = write.sub(write.mul(inner, 3.0), write.array(2 * linear))
    rest = write.mul(write.mul(steep, value), write.sub(write.array(1.0), share))
    slope = write.mul(write.add(rest, write.array(1.0)), share)
    return write.mul(slope, gradient)
