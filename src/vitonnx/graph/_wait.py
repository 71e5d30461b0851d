"""Order of work that holds in every runtime: a reshape that waits for other values."""

from __future__ import annotations

from collections.abc import Iterable

import onnx_ir as ir

from vitonnx.graph._write import Writer, numbers

__all__ = ["wait_for"]


def wait_for(write: Writer, reshape: ir.Node, values: Iterable[ir.Value]) -> None:
    """Make a reshape whose target begins with 0, a copied side, wait for some values.

    Runtimes run nodes when it suits them, and no option in the file can tell them not to; but a
    node can't run before its inputs. So the zero is taken from the values' shapes. It costs
    nothing, and changes no number. What it already waits for, it still does.

    Parameters
    ----------
    write : Writer
        Writer of the nodes, which go before the reshape.
    reshape : onnx_ir.Node
        Whose target is constant, or was made to wait.
    values : iterable of onnx_ir.Value
        What it waits for.
    """
    counts = [
        write.op("Shape", [value], f"after_{number}", start=0, end=1)
        for number, value in enumerate(values)
    ]
    target = reshape.inputs[1]
    sides = numbers(target)
    if sides is None:
        assert target is not None
        joined = target.producer()
        assert joined is not None
        earlier, rest = joined.inputs
        counts = [*(value for value in (earlier,) if value is not None), *counts]
    else:
        rest = write.constant("after/sides", sides[1:])
    largest = write.op("Max", counts, "after_all")
    # Whatever is counted, and whatever it is that was counted.
    nothing = write.op("Mul", [largest, write.constant("after/zero", [0])], "after/nothing")
    whole = write.op("Concat", [nothing, rest], "after/target", axis=0)
    reshape.replace_input_with(1, whole)
