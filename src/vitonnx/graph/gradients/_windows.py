"""Rules of what is done window by window: convolution, of patches too, and pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._reductions import shared
from vitonnx.graph.gradients._rule import Seen, rule, unknown


@dataclass(frozen=True)
class _Windows:
    """Windows as they lie on an input.

    Parameters
    ----------
    sides, kernel, strides, dilations : list of int
        Of the input, and of windows; one number an axis.
    before, behind : list of int
        Padding.
    """

    sides: list[int]
    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    before: list[int]
    behind: list[int]

    @classmethod
    def of(cls, seen: Seen, kernel: Sequence[int]) -> _Windows:
        """Read a node's."""
        attributes, spatial = seen.node.attributes, sides_of(seen.input(0))[2:]
        if None in spatial:
            raise unknown(seen, "reads pictures of unknown size")
        rank, sides = len(spatial), [int(side or 1) for side in spatial]
        strides = list(attributes.get_ints("strides", [1] * rank))
        dilations = list(attributes.get_ints("dilations", [1] * rank))
        pads = list(attributes.get_ints("pads", [0] * 2 * rank))
        way = attributes.get_string("auto_pad", "NOTSET")
        if way.startswith("SAME"):
            totals = [
                max((-(-side // stride) - 1) * stride + (size - 1) * apart + 1 - side, 0)
                for side, stride, size, apart in zip(sides, strides, kernel, dilations, strict=True)
            ]
            less, more = [total // 2 for total in totals], [-(-total // 2) for total in totals]
            pads = [*less, *more] if way == "SAME_UPPER" else [*more, *less]
        return cls(sides, list(kernel), strides, dilations, pads[:rank], pads[rank:])

    def counts(self, outs: Sequence[int]) -> list[NDArray[np.int64]]:
        """Count the pixels of each window, an axis at a time, without the padding."""
        found = []
        for axis, out in enumerate(outs):
            starts = np.arange(out)[:, None] * self.strides[axis] - self.before[axis]
            places = starts + np.arange(self.kernel[axis]) * self.dilations[axis]
            found.append(((places >= 0) & (places < self.sides[axis])).sum(1))
        return found

    def turned(
        self, write: Arithmetic, gradient: ir.Value, kernel: ir.Value, channels: int, group: int
    ) -> ir.Value:
        """Give every pixel what the windows give that cover it."""
        given = sides_of(gradient)
        outs = [int(side or 1) for side in given[2:]]
        covered = [
            (out - 1) * stride + (size - 1) * apart + 1
            for out, stride, size, apart in zip(
                outs, self.strides, self.kernel, self.dilations, strict=True
            )
        ]
        # Of what windows cover, the padding is left out; pixels that none covers have no gradient.
        over = [
            reach - before - side
            for reach, before, side in zip(covered, self.before, self.sides, strict=True)
        ]
        turned = write.op(
            "ConvTranspose",
            [gradient, kernel],
            [
                given[0],
                channels,
                *(side + min(more, 0) for side, more in zip(self.sides, over, strict=True)),
            ],
            strides=self.strides,
            dilations=self.dilations,
            pads=[*self.before, *(max(more, 0) for more in over)],
            group=group,
        )
        for axis, more in enumerate(over, start=2):
            turned = write.pad(turned, axis, 0, max(-more, 0))
        return turned


@rule("Conv")
def conv(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Turn the convolution round, with the same kernel."""
    if any(seen.wanted[1:]):
        raise unknown(seen, "has a kernel that depends on the picture")
    value, kernel = seen.input(0), seen.input(1)
    windows = _Windows.of(seen, [int(side or 1) for side in sides_of(kernel)[2:]])
    group, channels = seen.node.attributes.get_int("group", 1), int(sides_of(value)[1] or 1)
    full = write.expand(gradient, seen.output)
    turned = windows.turned(write, full, kernel, channels, group)
    return [turned, *[None] * (len(seen.inputs) - 1)]


@rule("AveragePool")
def average_pool(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give every pixel its share of each window that it is in."""
    attributes = seen.node.attributes
    windows = _Windows.of(seen, attributes.get_ints("kernel_shape"))
    if attributes.get_int("ceil_mode", 0):
        raise unknown(seen, "has windows that are cut off")
    channels = int(sides_of(seen.input(0))[1] or 1)
    outs = [int(side or 1) for side in sides_of(seen.output)[2:]]
    if attributes.get_int("count_include_pad", 0):
        shares = write.array(1 / math.prod(windows.kernel))
    else:
        shares = write.array(1 / math.prod(np.ix_(*windows.counts(outs))))
    full = write.expand(write.mul(gradient, shares), seen.output)
    ones = write.array(np.ones([channels, 1, *windows.kernel]))
    return [windows.turned(write, full, ones, channels, channels)]


@rule("GlobalAveragePool")
def global_average_pool(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give every number of a channel its share of the gradient."""
    return [shared(write, seen, gradient, list(range(2, len(sides_of(seen.input(0))))))]
