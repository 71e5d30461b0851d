"""Rules of functions of one number: roots, exponentials, rotary angles."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic
from vitonnx.graph.gradients._rule import Rule, Seen, rule

__all__ = ["of_one_number"]

Derivative = Callable[[Arithmetic, Seen, ir.Value], ir.Value]


def of_one_number(derivative: Derivative) -> Rule:
    """Make a rule of the derivative, times the gradient, at every number of the first input."""

    def apply(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Sequence[ir.Value | None]:
        return [derivative(write, seen, gradient), *[None] * (len(seen.inputs) - 1)]

    return apply


@rule("Neg")
@of_one_number
def neg(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """d(-x) = -dx."""
    return write.unary("Neg", gradient)


@rule("Abs")
@of_one_number
def absolute(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """d|x| = sign(x) dx."""
    return write.mul(gradient, write.unary("Sign", seen.input(0)))


@rule("Exp")
@of_one_number
def exp(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = exp(x): y dx."""
    return write.mul(gradient, seen.output)


@rule("Log")
@of_one_number
def log(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D log(x) = dx / x."""
    return write.div(gradient, seen.input(0))


@rule("Sqrt")
@of_one_number
def sqrt(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = sqrt(x): dx / 2y."""
    return write.div(gradient, write.mul(seen.output, 2.0))


@rule("Reciprocal")
@of_one_number
def reciprocal(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = 1 / x: -y² dx."""
    square = write.mul(seen.output, seen.output)
    return write.unary("Neg", write.mul(gradient, square))


@rule("Sin")
@of_one_number
def sin(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D sin(x) = cos(x) dx."""
    return write.mul(gradient, write.unary("Cos", seen.input(0)))


@rule("Cos")
@of_one_number
def cos(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D cos(x) = -sin(x) dx."""
    return write.unary("Neg", write.mul(gradient, write.unary("Sin", seen.input(0))))


@rule("Erf")
@of_one_number
def erf(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D erf(x) = 2 / sqrt(pi) exp(-x²) dx."""
    square = write.mul(seen.input(0), seen.input(0))
    exponent = write.sub(write.array(math.log(2 / math.sqrt(math.pi))), square)
    return write.mul(gradient, write.unary("Exp", exponent))


@rule("Tanh")
@of_one_number
def tanh(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = tanh(x): (1 - y²) dx."""
    square = write.mul(seen.output, seen.output)
    return write.mul(gradient, write.sub(write.array(1.0), square))


@rule("Sigmoid")
@of_one_number
def sigmoid(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """Of y = sigmoid(x): y (1 - y) dx."""
    slope = write.mul(seen.output, write.sub(write.array(1.0), seen.output))
    return write.mul(gradient, slope)


@rule("Softplus")
@of_one_number
def softplus(write: Arithmetic, seen: Seen, gradient: ir.Value) -> ir.Value:
    """D log(1 + exp(x)) = sigmoid(x) dx."""
    return write.mul(gradient, write.unary("Sigmoid", seen.input(0)))
