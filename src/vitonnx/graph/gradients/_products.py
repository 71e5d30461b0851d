"""Rules of products: of matrices, and of named axes."""

from __future__ import annotations

import onnx_ir as ir

from vitonnx.errors import UsageError
from vitonnx.graph.gradients._arithmetic import Arithmetic, broadcast, sides_of
from vitonnx.graph.gradients._rule import Seen, rule


@rule("MatMul")
def matmul(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of C = AB: g Bᵀ and Aᵀ g, g the gradient."""
    one, other = seen.input(0), seen.input(1)
    own = sides_of(one), sides_of(other)
    # A vector stands for a row in front, and for a column behind.
    if len(own[0]) == 1:
        row = len(sides_of(gradient)) - (len(own[1]) > 1)
        one, gradient = write.unsqueeze(one, [0]), write.unsqueeze(gradient, [row])
    if len(own[1]) == 1:
        column = len(sides_of(gradient))
        other, gradient = write.unsqueeze(other, [1]), write.unsqueeze(gradient, [column])
    left, right = sides_of(one), sides_of(other)
    leading = broadcast(left[:-2], right[:-2])
    found: list[ir.Value | None] = [None, None]
    if seen.wanted[0]:
        if sides_of(gradient)[-1] == 1 != right[-1]:
            # The same in every column: so is what it is multiplied by.
            product = write.mul(gradient, write.turned(write.sum(other, [len(right) - 1])))
        else:
            product = write.matmul(gradient, write.turned(other))
        found[0] = write.unbroadcast(product, seen.output, left, (*leading, *left[-2:]))
    if seen.wanted[1]:
        if sides_of(gradient)[-2] == 1 != left[-2]:
            one = write.sum(one, [len(left) - 2])  # the same in every row
        product = write.matmul(write.turned(one), gradient)
        found[1] = write.unbroadcast(product, seen.output, right, (*leading, *right[-2:]))
    for place, axis in ((0, -2), (1, -1)):
        value = found[place]
        if value is not None and len(own[place]) == 1:
            found[place] = write.squeeze(value, [axis % 2])
    return found


@rule("Gemm")
def gemm(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Of alpha A B + beta C, the matrices turned as they say."""
    attributes = seen.node.attributes
    turn_one, turn_other = attributes.get_int("transA", 0), attributes.get_int("transB", 0)
    scaled = _times(write, gradient, attributes.get_float("alpha", 1.0))
    whole = write.expand(scaled, seen.output) if seen.wanted[1] else scaled
    found: list[ir.Value | None] = [None] * len(seen.inputs)
    if seen.wanted[0]:
        other = seen.input(1) if turn_other else write.turned(seen.input(1))
        full = write.expand(scaled, seen.output) if sides_of(scaled)[-1] == 1 else scaled
        product = write.matmul(full, other)
        found[0] = write.turned(product) if turn_one else product
    if seen.wanted[1]:
        one = seen.input(0) if turn_one else write.turned(seen.input(0))
        product = write.matmul(one, whole)
        found[1] = write.turned(product) if turn_other else product
    if len(seen.inputs) > 2 and seen.wanted[2]:
        share = _times(write, gradient, attributes.get_float("beta", 1.0))
        found[2] = write.unbroadcast(share, seen.output, sides_of(seen.input(2)))
    return found


def _times(write: Arithmetic, value: ir.Value, factor: float) -> ir.Value:
    return value if factor == 1 else write.mul(value, factor)


@rule("Einsum")
def einsum(write: Arithmetic, seen: Seen, gradient: ir.Value) -> list[ir.Value | None]:
    """Exchange the result and an input: the product of the others and the gradient."""
    equation = seen.node.attributes.get_string("equation", "").replace(" ", "")
    given, arrow, result = equation.partition("->")
    terms = given.split(",")
    if not arrow or "." in equation or any(len(set(term)) < len(term) for term in terms):
        raise UsageError(
            f"the gradient of Einsum {seen.node.name!r} ({equation}) isn't known: its axes must "
            "all be named, once in each term."
        )
    gradient = write.expand(gradient, seen.output)
    found: list[ir.Value | None] = []
    for place, term in enumerate(terms):
        if not seen.wanted[place]:
            found.append(None)
            continue
        others = [other for other in range(len(terms)) if other != place]
        met = {*result, *(axis for other in others for axis in terms[other])}
        value = seen.input(place)
        kept = "".join(axis for axis in term if axis in met)
        words = ",".join([result, *(terms[other] for other in others)])
        sides = [side for axis, side in zip(term, sides_of(value), strict=True) if axis in met]
        product = write.op(
            "Einsum",
            [gradient, *(seen.input(other) for other in others)],
            sides,
            equation=f"{words}->{kept}",
        )
        missing = [axis for axis, letter in enumerate(term) if letter not in met]
        # An axis that was summed over: its entries have one gradient.
        found.append(write.unsqueeze(product, missing) if missing else product)
    return found
