"""Rules of operators that treat pairs of numbers: each is broadcast, and so summed back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import onnx_ir as ir

from vitonnx.graph._write import number
from vitonnx.graph.gradients._arithmetic import Arithmetic, sides_of
from vitonnx.graph.gradients._rule import Rule, Seen, rule

Factors = Sequence[Callable[[], ir.Value]]


def _summed_back(of_each: Callable[[Arithmetic, Seen, ir.Value], Factors]) -> Rule:
    """Make a rule of the gradients with all inputs broadcast."""

    def apply(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
        return [
            write.unbroadcast(of_one(), seen.output, sides_of(seen.input(place)))
            if wanted
            else None
            for place, (of_one, wanted) in enumerate(
                zip(of_each(write, seen, gradient), seen.wanted, strict=True)
            )
        ]

    return apply


@rule("Add", "Sum")
@_summed_back
def add(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Factors:
    """d(a + b) = da + db."""
    return [lambda: gradient] * len(seen.inputs)


@rule("Sub")
@_summed_back
def sub(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Factors:
    """d(a - b) = da - db."""
    return [lambda: gradient, lambda: write.unary("Neg", gradient)]


@rule("Mul")
@_summed_back
def mul(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Factors:
    """d(ab) = b da + a db."""
    one, other = seen.input(0), seen.input(1)
    return [lambda: write.mul(gradient, other), lambda: write.mul(gradient, one)]


@rule("Div")
@_summed_back
def div(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Factors:
    """d(a / b) = da / b - (a / b) db / b."""
    share = write.div(gradient, seen.input(1))
    return [lambda: share, lambda: write.unary("Neg", write.mul(share, seen.output))]


@rule("Pow")
@_summed_back
def power(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Factors:
    """d(a ** b) = b a ** (b - 1) da + log(a) a ** b db."""
    base, exponent = seen.input(0), seen.input(1)

    def of_base() -> ir.Value:
        known = number(exponent)
        if known == 2:
            return write.mul(gradient, write.mul(base, 2.0))
        if known == 3:
            return write.mul(gradient, write.mul(write.mul(base, base), 3.0))
        exponents = write.single(exponent) if known is None else write.array(known)
        if exponents.dtype != base.dtype:
            exponents = write.op("Cast", [exponents], sides_of(exponents), to=base.dtype)
        less = write.sub(exponents, write.array(1.0))
        return write.mul(gradient, write.mul(write.binary("Pow", base, less), exponents))

    def of_exponent() -> ir.Value:
        return write.mul(gradient, write.mul(write.unary("Log", base), seen.output))

    return [of_base, of_exponent]


@rule("Max", "Min")
@_summed_back
def extreme(write: Arithmetic, seen: Seen, gradient: ir.Value) -> Factors:
    """Give the gradient to whoever is the extreme; equals share it."""
    zero = write.array(0.0)
    ties = [
        write.compare("Equal", seen.input(place), seen.output) for place in range(len(seen.inputs))
    ]
    counts = [write.op("Cast", [tie], sides_of(tie), to=ir.DataType.FLOAT.value) for tie in ties]
    total = counts[0]
    for count in counts[1:]:
        total = write.add(total, count)
    share = write.div(gradient, total)
    return [lambda tie=tie: write.where(tie, share, zero) for tie in ties]  # type: ignore[misc]


@rule("Where")
def where(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Give the gradient to what was chosen."""
    condition, zero = seen.input(0), write.array(0.0)
    chosen = [None, (gradient, zero), (zero, gradient)]
    return [
        write.unbroadcast(write.where(condition, *pair), seen.output, sides_of(seen.input(place)))
        if pair is not None and seen.wanted[place]
        else None
        for place, pair in enumerate(chosen)
    ]
