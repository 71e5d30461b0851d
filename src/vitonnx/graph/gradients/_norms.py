"""Rules of norms: layer norm, root mean square, and the norms of plain vectors."""

from __future__ import annotations

import math

import numpy as np
import onnx_ir as ir

from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import Seen, rule, unknown

EPSILON = 1e-5  # where a node says none


@rule("LayerNormalization")
def layer_norm(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of x' = (x - mean) / deviation, scaled and shifted.

    With h the gradient times the scale: (h - mean(h) - x' mean(h x')) / deviation.
    """
    value, epsilon = seen.input(0), seen.node.attributes.get_float("epsilon", EPSILON)
    axes, own = _normalised(seen, value)
    scaled = write.mul(gradient, seen.input(1))
    return _only_first(seen, _standardised(write, value, scaled, axes, own, epsilon))


@rule("GroupNormalization", "InstanceNormalization")
def group_norm(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Likewise, for the channels and pixels of a group."""
    value, epsilon = seen.input(0), seen.node.attributes.get_float("epsilon", EPSILON)
    batch, *sides = sides_of(value)
    if None in sides:
        raise unknown(seen, "normalises an axis of unknown size")
    groups = seen.node.attributes.get_int("num_groups", int(sides[0] or 1))
    count = math.prod(int(side or 1) for side in sides) // groups
    scale = write.unsqueeze(seen.input(1), range(1, len(sides)))
    scaled = write.expand(write.mul(gradient, scale), value)
    grouped = write.reshape(value, [batch, groups, count])
    scaled = write.reshape(scaled, [batch, groups, count])
    found = _standardised(write, grouped, scaled, [2], [count], epsilon)
    return _only_first(seen, write.reshape(found, [batch, *sides]))


def _standardised(
    write: Arithmetic,
    value: ir.Value,
    scaled: ir.Value,
    axes: list[int],
    own: list[int],
    epsilon: float,
) -> ir.Value:
    """Go back through what gives a mean of 0 and a deviation of 1."""
    sides = sides_of(value)
    few = [1 if axis in axes else side for axis, side in enumerate(sides)]
    # One node that the runtime has in one piece, and that gives the deviation too.
    normal, _, inverse = write.ops(
        "LayerNormalization",
        [value, write.array(np.ones(own))],
        [sides, few, few],
        axis=axes[0],
        epsilon=epsilon,
    )
    along = write.mean(write.mul(scaled, normal), axes)
    centred = write.sub(scaled, write.mean(scaled, axes))
    return write.mul(write.sub(centred, write.mul(normal, along)), inverse)


@rule("RMSNormalization", "SimplifiedLayerNormalization")
def rms_norm(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of x' = x / root, scaled: (h - x' mean(h x')) / root, h the gradient times the scale."""
    value, scale = seen.input(0), seen.input(1)
    axes, _ = _normalised(seen, value)
    epsilon = write.array(seen.node.attributes.get_float("epsilon", EPSILON))
    square = write.mean(write.mul(value, value), axes)
    inverse = write.unary("Reciprocal", write.unary("Sqrt", write.add(square, epsilon)))
    normal = write.mul(value, inverse)
    scaled = write.mul(gradient, scale)
    along = write.mean(write.mul(scaled, normal), axes)
    return _only_first(seen, write.mul(write.sub(scaled, write.mul(normal, along)), inverse))


@rule("LpNormalization")
def lp_normalization(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of y = x / |x|: (g - y sum(g y)) / |x|, g the gradient; by absolute values likewise."""
    value, axis = seen.input(0), seen.axis(-1)
    along = write.sum(write.mul(gradient, seen.output), [axis])
    if seen.node.attributes.get_int("p", 2) == 2:
        length = write.unary("Sqrt", write.sum(write.mul(value, value), [axis]))
        towards = seen.output
    else:
        length = write.sum(write.unary("Abs", value), [axis])
        towards = write.unary("Sign", value)
    return [write.div(write.sub(gradient, write.mul(towards, along)), length)]


@rule("BatchNormalization")
def batch_norm(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Scale each channel: what it is normalised by is constant."""
    scale, variance = seen.input(1), seen.input(4)
    epsilon = write.array(seen.node.attributes.get_float("epsilon", EPSILON))
    factor = write.div(scale, write.unary("Sqrt", write.add(variance, epsilon)))
    behind = len(sides_of(seen.output)) - 2
    factor = write.unsqueeze(factor, range(1, 1 + behind)) if behind else factor
    return _only_first(seen, write.mul(gradient, factor))


def _normalised(seen: Seen, value: ir.Value) -> tuple[list[int], list[int]]:
    """Give the axes that are normalised together, and their sides."""
    sides = sides_of(value)
    axis = seen.node.attributes.get_int("axis", -1) % len(sides)
    own = sides[axis:]
    if None in own:
        raise unknown(seen, "normalises an axis of unknown size")
    return list(range(axis, len(sides))), [int(side or 1) for side in own]


def _only_first(seen: Seen, found: ir.Value) -> list[ir.Value | None]:
    """Give the gradient of what is normalised; the scales must be weights."""
    if any(seen.wanted[1:]):
        raise unknown(seen, "has a scale that depends on the picture")
    return [found, *[None] * (len(seen.inputs) - 1)]
