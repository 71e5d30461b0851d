"""Rules of softmax, its logarithm, and the logarithm of its sum."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic
from vitonnx.graph.gradients._rule import Seen, rule


@rule("Softmax")
def softmax(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of y = softmax(x): y (g - sum(g y)), g the gradient."""
    total = write.sum(write.mul(seen.output, gradient), [seen.axis(-1)])
    return [write.mul(seen.output, write.sub(gradient, total))]


@rule("LogSoftmax")
def log_softmax(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of y = log softmax(x): g - softmax(x) sum(g), g the gradient."""
    axis, gradient = seen.axis(-1), write.expand(gradient, seen.output)
    total = write.sum(gradient, [axis])
    return [write.sub(gradient, write.mul(write.unary("Exp", seen.output), total))]
