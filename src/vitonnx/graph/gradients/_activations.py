"""Rules of functions of one number: activations, roots, rotary angles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import Rule, Seen, rule

Derivative = Callable[[Arithmetic, Seen, ir.Value], ir.Value]


def _of_one_number(derivative: Derivative) -> Rule:
    """Make a rule of the derivative, times the gradient, at every number of the first input."""

    def apply(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Sequence[ir.Value | None]:
        return [derivative(write, seen, gradient), *[None] * (len(seen.inputs) - 1)]

    return apply


@rule("Neg")
@_of_one_number
def neg(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """d(-x) = -dx."""
    return write.unary("Neg", gradient)


@rule("Abs")
@_of_one_number
def absolute(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """d|x| = sign(x) dx."""
    return write.mul(gradient, write.unary("Sign", seen.input(0)))


@rule("Exp")
@_of_one_number
def exp(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = exp(x): y dx."""
    return write.mul(gradient, seen.output)


@rule("Log")
@_of_one_number
def log(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D log(x) = dx / x."""
    return write.div(gradient, seen.input(0))


@rule("Sqrt")
@_of_one_number
def sqrt(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = sqrt(x): dx / 2y."""
    return write.div(gradient, write.mul(seen.output, 2.0))


@rule("Reciprocal")
@_of_one_number
def reciprocal(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = 1 / x: -y² dx."""
    square = write.mul(seen.output, seen.output)
    return write.unary("Neg", write.mul(gradient, square))


@rule("Sin")
@_of_one_number
def sin(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D sin(x) = cos(x) dx."""
    return write.mul(gradient, write.unary("Cos", seen.input(0)))


@rule("Cos")
@_of_one_number
def cos(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D cos(x) = -sin(x) dx."""
    return write.unary("Neg", write.mul(gradient, write.unary("Sin", seen.input(0))))


@rule("Relu")
@_of_one_number
def relu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Give dx where x is positive."""
    zero = write.array(0.0)
    return write.where(write.compare("Greater", seen.input(0), zero), gradient, zero)


@rule("Clip")
@_of_one_number
def clip(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Give dx where x is within the bounds."""
    kept = write.compare("Equal", seen.input(0), seen.output)
    return write.where(kept, gradient, write.array(0.0))


@rule("Tanh")
@_of_one_number
def tanh(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = tanh(x): (1 - y²) dx."""
    square = write.mul(seen.output, seen.output)
    return write.mul(gradient, write.sub(write.array(1.0), square))


@rule("Sigmoid")
@_of_one_number
def sigmoid(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = sigmoid(x): y (1 - y) dx."""
    slope = write.mul(seen.output, write.sub(write.array(1.0), seen.output))
    return write.mul(gradient, slope)


@rule("Softplus")
@_of_one_number
def softplus(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D log(1 + exp(x)) = sigmoid(x) dx."""
    return write.mul(gradient, write.unary("Sigmoid", seen.input(0)))


@rule("HardSigmoid")
@_of_one_number
def hard_sigmoid(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Give alpha dx between the flat ends."""
    alpha = seen.node.attributes.get_float("alpha", 0.2)
    rising = _is_between(write, seen.output, 0.0, 1.0)
    return write.where(rising, write.mul(gradient, alpha), write.array(0.0))


@rule("HardSwish")
@_of_one_number
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


@rule("Erf")
@_of_one_number
def erf(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D erf(x) = 2 / sqrt(pi) exp(-x²) dx."""
    return write.mul(gradient, write.mul(_bell(write, seen.input(0)), 2 / math.sqrt(math.pi)))


@rule("QuickGelu")
@_of_one_number
def quick_gelu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of x s with s = sigmoid(a x): s (1 + a x (1 - s))."""
    one, alpha = write.array(1.0), seen.node.attributes.get_float("alpha", 1.702)
    scaled = write.mul(seen.input(0), alpha)
    share = write.unary("Sigmoid", scaled)
    slope = write.add(write.mul(scaled, write.sub(one, share)), one)
    return write.mul(gradient, write.mul(share, slope))


@rule("Gelu")
@_of_one_number
def gelu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of x P(x), P the normal distribution's: P(x) + x p(x), p its density; or by tanh."""
    if seen.node.attributes.get_string("approximate", "none") == "tanh":
        return _by_tanh(write, seen.input(0), gradient)
    # With z = x / sqrt(2), the slope is (1 + erf(z)) / 2 + z exp(-z²) / sqrt(pi).
    scaled = write.mul(seen.input(0), math.sqrt(0.5))
    risen = write.add(write.unary("Erf", scaled), write.array(1.0))
    bell = write.mul(_bell(write, scaled), scaled)
    slope = write.add(risen, write.mul(bell, 2 / math.sqrt(math.pi)))
    return write.mul(write.mul(gradient, 0.5), slope)


@rule("FastGelu")
def fast_gelu(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of the approximation by tanh, whose second input is a bias."""
    value = seen.input(0)
    bias = seen.inputs[1] if len(seen.inputs) > 1 else None
    found = _by_tanh(write, value if bias is None else write.add(value, bias), gradient)
    if bias is None:
        return [found, *[None] * (len(seen.inputs) - 1)]
    return [found, write.unbroadcast(found, sides_of(value), sides_of(bias))]


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


def _bell(write: Arithmetic, value: ir.Value) -> ir.Value:
    """exp(-x²)."""
    return write.unary("Exp", write.unary("Neg", write.mul(value, value)))


@rule("Softmax")
def softmax(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of y = softmax(x): y (g - sum(g y)), g the gradient."""
    axis = seen.axis(-1)
    weighed = write.mul(seen.output, gradient)
    total = write.sum(weighed, [axis])
    return [write.sub(weighed, write.mul(seen.output, total))]


@rule("LogSoftmax")
def log_softmax(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of y = log softmax(x): g - softmax(x) sum(g), g the gradient."""
    axis, gradient = seen.axis(-1), write.expand(gradient, seen.output)
    total = write.sum(gradient, [axis])
    return [write.sub(gradient, write.mul(write.unary("Exp", seen.output), total))]
