"""Rules of GELUs: exact, by tanh, by a sigmoid."""

from __future__ import annotations

import math

import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._functions import bell, of_one_number
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
    # With z = x / sqrt(2), the slope is (1 + erf(z)) / 2 + z exp(-z²) / sqrt(pi).
    scaled = write.mul(seen.input(0), math.sqrt(0.5))
    risen = write.add(write.unary("Erf", scaled), write.array(1.0))
    steep = write.mul(bell(write, scaled), scaled)
    slope = write.add(risen, write.mul(steep, 2 / math.sqrt(math.pi)))
    return write.mul(write.mul(gradient, 0.5), slope)


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
    """Of x (1 + t) / 2 with t = tanh(u), u = c (x + k x³): (1 + t + x (1 - t²) u') / 2."""
    scale, cubic, one = math.sqrt(2 / math.pi), 0.044715, write.array(1.0)
    square = write.mul(value, value)
    inner = write.add(write.mul(square, scale * cubic), write.array(scale))
    risen = write.unary("Tanh", write.mul(inner, value))
    steep = write.add(write.mul(square, 3 * scale * cubic), write.array(scale))
    falls = write.sub(one, write.mul(risen, risen))
    slope = write.add(write.mul(write.mul(value, steep), falls), write.add(risen, one))
    return write.mul(write.mul(gradient, 0.5), slope)
