"""Rules of softmax, its logarithm, and the logarithm of its sum."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic
from vitonnx.graph.gradients._rule import Seen, rule


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
