"""Rules of sums, means and extremes over axes."""

from __future__ import annotations

import math

import onnx_ir as ir

from vitonnx.graph._sides import reduced_axes
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import Seen, rule, unknown


def _axes(seen: Seen) -> list[int]:
    axes = reduced_axes(seen.node, len(sides_of(seen.input(0))))
    if axes is None:
        raise unknown(seen, "reduces axes that aren't constant")
    return sorted(axes)


def _kept(write: Arithmetic, seen: Seen, value: ir.Value, axes: list[int]) -> ir.Value:
    """Give what a node gave, or its gradient, with the reduced axes as sides of 1."""
    keeps = seen.node.attributes.get_int("keepdims", 1)
    return value if keeps or not axes else write.unsqueeze(value, axes)


def _only_first(seen: Seen, found: ir.Value) -> list[ir.Value | None]:
    return [found, *[None] * (len(seen.inputs) - 1)]


@rule("ReduceSum")
def reduce_sum(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give every number the gradient of its sum."""
    return _only_first(seen, _kept(write, seen, gradient, _axes(seen)))


@rule("ReduceMean")
def reduce_mean(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give every number its share of the gradient."""
    axes = _axes(seen)
    share = shared(write, seen, gradient, axes)
    return _only_first(seen, _kept(write, seen, share, axes))


def shared(write: Arithmetic, seen: Seen, gradient: ir.Value, axes: list[int]) -> ir.Value:
    sides = [sides_of(seen.input(0))[axis] for axis in axes]
    if None in sides:
        raise unknown(seen, "takes a mean of unknown size")
    return write.mul(gradient, 1 / math.prod(int(side or 1) for side in sides))


@rule("ReduceSumSquare")
def reduce_sum_square(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """D sum(x²) = 2x dx."""
    kept = _kept(write, seen, gradient, _axes(seen))
    return _only_first(seen, write.mul(kept, write.mul(seen.input(0), 2.0)))


@rule("ReduceL2")
def reduce_l2(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """d|x| = x dx / |x|."""
    axes = _axes(seen)
    share = write.div(gradient, seen.output)
    return _only_first(seen, write.mul(_kept(write, seen, share, axes), seen.input(0)))


@rule("ReduceL1")
def reduce_l1(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give every number the gradient, with its sign."""
    kept = _kept(write, seen, gradient, _axes(seen))
    return _only_first(seen, write.mul(kept, write.unary("Sign", seen.input(0))))


@rule("ReduceMax", "ReduceMin")
def reduce_extreme(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give the gradient to the extreme; equals share it."""
    axes, value = _axes(seen), seen.input(0)
    tie = write.compare("Equal", value, _kept(write, seen, seen.output, axes))
    ones = write.op("Cast", [tie], sides_of(tie), to=ir.DataType.FLOAT.value)
    share = write.div(_kept(write, seen, gradient, axes), write.sum(ones, axes))
    return _only_first(seen, write.mul(ones, share))


@rule("ReduceLogSumExp")
def reduce_log_sum_exp(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of y = log sum exp(x): exp(x - y) dy, a softmax."""
    axes = _axes(seen)
    shares = write.sub(seen.input(0), _kept(write, seen, seen.output, axes))
    kept = _kept(write, seen, gradient, axes)
    return _only_first(seen, write.mul(kept, write.unary("Exp", shares)))


@rule("CumSum")
def cumsum(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Sum from the other end."""
    attributes = seen.node.attributes
    summed = write.op(
        "CumSum",
        [write.expand(gradient, seen.output), seen.inputs[1]],
        sides_of(seen.output),
        exclusive=attributes.get_int("exclusive", 0),
        reverse=1 - attributes.get_int("reverse", 0),
    )
    return [summed, None]
