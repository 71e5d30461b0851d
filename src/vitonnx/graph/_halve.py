"""The same network in 16 bits a number, but for what needs the range or the bits of 32."""

from __future__ import annotations

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.graph._magnitudes import Magnitudes
from vitonnx.graph._write import Writer, constant

__all__ = ["Halve"]

# Sums over many tokens, what states its own type, and what looks at no number. Layer norms sum in
# single precision whatever they are given (ONNX's stash_type).
SUMS = frozenset(("ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"))
SINGLE = SUMS | {"Cast", "Shape", "Softmax"}
# What may read attention in 16 bits, where the provider sums in 32.
LIGHT = frozenset(
    (
        "Mul",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceSum",
        "Softmax",
        "Transpose",
        "Unsqueeze",
    )
)
LARGEST = {ir.DataType.FLOAT16: 65504.0, ir.DataType.BFLOAT16: 2.0**128 - 2.0**120}


class Halve(ir.passes.InPlacePass):
    """Compute in 16 bits; inputs and outputs keep their types.

    Parameters
    ----------
    single : tuple of str
        Beginnings of the names of nodes that stay in single precision, such as a probe's.
    half : FLOAT16 or BFLOAT16
        The first has more bits, the second the range of single precision. ONNX has no convolution
        in the second before opset 22: its nodes must stay single.
    sums_in_single : bool
        Whether the provider's softmax and reductions sum in single precision whatever they read.
        Attention then stays in 16 bits until it is reduced, as far as its bounds allow, and is read
        and written in half as many bytes.
    """

    def __init__(
        self,
        single: tuple[str, ...] = (),
        half: ir.DataType = ir.DataType.FLOAT16,
        *,
        sums_in_single: bool = False,
    ) -> None:
        self.single, self.half, self.sums_in_single = single, half, sums_in_single

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Convert weights, and put casts where precisions meet, in place."""
        graph = model.graph
        common.ShapeInferencePass()(model)
        casts, light = _Casts(graph, self.half), self._light(graph)
        for node in list(graph):
            named = str(node.name).startswith(self.single or ("\0",))
            stays = (named or node.op_type in SINGLE) and node not in light
            wanted = ir.DataType.FLOAT if stays else self.half
            for place, value in enumerate(node.inputs):
                if value is not None and value.dtype in (ir.DataType.FLOAT, self.half):
                    node.replace_input_with(place, casts.give(value, wanted, node))
            for value in node.outputs:
                if value.dtype == ir.DataType.FLOAT:
                    value.type = ir.TensorType(wanted)
        for place, value in enumerate(graph.outputs):
            if value.dtype == self.half:
                graph.outputs[place] = casts.take_out(value)
        common.RemoveUnusedNodesPass()(model)
        return ir.passes.PassResult(model, modified=True)

    def _light(self, graph: ir.Graph) -> set[ir.Node]:
        """Find what makes attention and what reads it, up to its first sum."""
        found: set[ir.Node] = set()
        if not self.sums_in_single:
            return found
        magnitudes, attention = Magnitudes(), set[ir.Value]()
        for node in graph:
            result = node.outputs[0]
            whole = node.op_type == "Softmax" and not _is_row(result)  # a row is little to move
            reads = whole or not attention.isdisjoint(node.inputs)
            if reads and node.op_type in LIGHT and magnitudes.of(result) <= LARGEST[self.half]:
                found.add(node)
                if node.op_type not in SUMS:
                    attention.add(result)
        return found


def _is_row(value: ir.Value) -> bool:
    return value.shape is not None and len(value.shape) > 1 and value.shape[-2] == 1


class _Casts:
    """Values in the other precision: each is made once."""

    def __init__(self, graph: ir.Graph, half: ir.DataType) -> None:
        self.graph, self.half = graph, half
        self.made: dict[tuple[ir.Value, ir.DataType], ir.Value] = {}

    def give(self, value: ir.Value, wanted: ir.DataType, before: ir.Node) -> ir.Value:
        """Return a value in the given precision, for a node."""
        if value.dtype == wanted:
            return value
        if (value, wanted) not in self.made:
            half = self._weight(value) if value.is_initializer() else None
            self.made[value, wanted] = half or self._cast(value, wanted, before)
        return self.made[value, wanted]

    def take_out(self, value: ir.Value) -> ir.Value:
        """Restore the type and name of a graph output."""
        name, value.name = str(value.name), f"{value.name}/half"
        node = ir.node("Cast", [value], {"to": ir.DataType.FLOAT.value}, name=f"{name}/cast")
        node.outputs[0].name, node.outputs[0].shape = name, value.shape
        node.outputs[0].type = ir.TensorType(ir.DataType.FLOAT)
        self.graph.append(node)
        return node.outputs[0]

    def _weight(self, value: ir.Value) -> ir.Value:
        """Halve a constant; numbers too large for half precision become its largest."""
        assert value.const_value is not None
        largest = LARGEST[self.half]
        array = value.const_value.numpy().clip(-largest, largest).astype(self.half.numpy())
        return constant(self.graph, f"{value.name}/half", array)

    def _cast(self, value: ir.Value, wanted: ir.DataType, before: ir.Node) -> ir.Value:
        place = "half" if wanted == self.half else "single"
        write = Writer(self.graph, str(value.name))
        cast = write.op("Cast", [value], place, wanted, value.shape, to=wanted.value)
        write.put_before(before)
        return cast
