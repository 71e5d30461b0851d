"""The last block's tokens as the head reads them, and other tokens in their form."""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.contract import tokens_name
from vitonnx.errors import ModelFileError
from vitonnx.graph._reshaped import BATCH, BOTH, TOKENS, Roles, reshaped
from vitonnx.graph._sides import known_sides
from vitonnx.graph._write import Writer

__all__ = ["SINGLE", "LastTokens", "as_single", "find_last_tokens", "output_of"]

SINGLE = ir.DataType.FLOAT


def as_single(write: Writer, value: ir.Value, place: str) -> ir.Value:
    """Write a value in single precision, where it isn't."""
    if value.dtype in (SINGLE, None):
        return value
    return write.op("Cast", [value], place, SINGLE, value.shape, to=SINGLE.value)


@dataclass(frozen=True)
class LastTokens:
    """The value that all of the head is computed from.

    Parameters
    ----------
    value : onnx_ir.Value
        The tokens in the graph's own type and layout: the batch may be second, or tokens a grid.
    roles : str
        Roles of its axes.
    output : onnx_ir.Value
        The graph's output, float32 (batch, tokens, dim).
    path : tuple of onnx_ir.Node
        What makes the output of the value, the first node first.
    """

    value: ir.Value
    roles: Roles
    output: ir.Value
    path: tuple[ir.Node, ...]

    def laid_out(self, write: Writer, tokens: ir.Value) -> ir.Value:
        """Write other tokens, float32 (batch, tokens, dim), in the form of these."""
        dtype = self.value.dtype or SINGLE
        if dtype != SINGLE and self.path:
            tokens = write.op("Cast", [tokens], "cast", dtype, tokens.shape, to=dtype.value)
        for number, node in enumerate(reversed(self.path)):
            source = node.inputs[0]
            if source is None or node.op_type in ("Cast", "Identity"):
                continue
            place = f"{node.op_type.lower()}_{number}"
            if node.op_type == "Transpose":
                perm = node.attributes.get_ints("perm")
                back = [perm.index(axis) for axis in range(len(perm))]
                tokens = write.op("Transpose", [tokens], place, dtype, source.shape, perm=back)
            else:
                sides = [-1 if side is None else side for side in known_sides(source) or ()]
                target = write.constant(f"{place}/shape", sides)
                tokens = write.op("Reshape", [tokens, target], place, dtype, source.shape)
        return tokens

    def alone(self, write: Writer, tokens: ir.Value, value: ir.Value, roles: Roles) -> ir.Value:
        """Write each token as a sequence of its own, in the form of a value that holds several.

        The batch is then that of all tokens of all pictures.
        """
        sides = known_sides(value) or ()
        target = [
            -1 if role in (BATCH, BOTH) else 1 if role == TOKENS else int(side or 1)
            for role, side in zip(roles, sides, strict=True)
        ]
        shape = [None if side == -1 else side for side in target]
        dtype = value.dtype or SINGLE
        if dtype != SINGLE:
            tokens = write.op("Cast", [tokens], "cast", dtype, tokens.shape, to=dtype.value)
        return write.op(
            "Reshape", [tokens, write.constant("alone/shape", target)], "alone", dtype, shape
        )


def output_of(graph: ir.Graph, name: str) -> ir.Value:
    """Return an output of a graph, by its name."""
    for value in graph.outputs:
        if value.name == name:
            return value
    raise ModelFileError(f"the graph has no output {name!r}.")


def find_last_tokens(model: ir.Model, blocks: int) -> LastTokens:
    """Find where the head begins: go back from the last block's output over changes of form.

    Infer shapes where they aren't known.
    """
    output = output_of(model.graph, tokens_name(blocks - 1))
    value, path = output, []
    while (node := value.producer()) is not None and _is_form(node) and node.inputs[0] is not None:
        value = node.inputs[0]
        path.append(node)
    if value.shape is None and all(node.op_type in ("Cast", "Identity") for node in path):
        value.shape = output.shape  # operators that ONNX doesn't know have no inference
    behind = [value, *(result for node in _readers(value) for result in node.outputs)]
    if any(each.shape is None for each in behind):
        common.ShapeInferencePass()(model)
    roles, after = "btc", output
    for node in path:
        before = node.inputs[0]
        assert before is not None
        if node.op_type == "Transpose":
            perm = node.attributes.get_ints("perm")
            roles = "".join(roles[perm.index(axis)] for axis in range(len(perm)))
        elif node.op_type == "Reshape":
            found = reshaped(roles, known_sides(after) or (), known_sides(before) or ())
            if found is None:
                raise ModelFileError(
                    f"the tokens of {output.name} come in a form that isn't known."
                )
            roles = found
        after = before
    return LastTokens(value, roles, output, tuple(reversed(path)))


def _is_form(node: ir.Node) -> bool:
    return node.op_type in ("Cast", "Identity", "Reshape", "Transpose") and not node.domain


def _readers(value: ir.Value) -> list[ir.Node]:
    """Return all nodes computed from a value."""
    found: dict[ir.Node, None] = {}
    stack = [value]
    while stack:
        for node in stack.pop().consumers():
            if node not in found:
                found[node] = None
                stack.extend(node.outputs)
    return list(found)
