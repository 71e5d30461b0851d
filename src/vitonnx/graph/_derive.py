"""Values that plans find in the graph, and that no file has among its outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any

import onnx_ir as ir

from vitonnx.contract import (
    FINAL_NORM_KEY,
    FINAL_TOKENS,
    GRADIENTS,
    LOGITS,
    NORMALISED,
    attention_input_name,
    block_of,
    is_derived,
    logits_name,
    residual_name,
    tokens_name,
)
from vitonnx.errors import ModelFileError, UsageError
from vitonnx.graph._differentiate import Derivatives
from vitonnx.graph._final_norm import write_final_tokens
from vitonnx.graph._last_tokens import (
    SINGLE,
    LastTokens,
    as_single,
    find_last_tokens,
    output_of,
)
from vitonnx.graph._norms import ends_in_norm
from vitonnx.graph._one_token import logits_of_each
from vitonnx.graph._read_head import HeadNodes, find_head_nodes
from vitonnx.graph._regrid import read_manifest
from vitonnx.graph._seeds import Told
from vitonnx.graph._sides import known_sides
from vitonnx.graph._sources import attention_input, normalised_pixels
from vitonnx.graph._write import Writer
from vitonnx.layout import Layout

__all__ = ["Derive"]


class Derive(ir.passes.InPlacePass):
    """Add outputs that are found in a probe-ready graph: see `vitonnx.contract.is_derived`.

    With `FINAL_TOKENS` among them, the model's metadata `FINAL_NORM_KEY` says whether they are
    normalised: ``tokens`` or ``none``.

    Parameters
    ----------
    names : collection of str
        Names of these outputs; they are added in order, and those that are there are left.
    told : mapping of str to array, optional
        What derivatives need to know (`vitonnx.contract.TARGETS`), and is then in the graph; else
        it has inputs of these names.

    Raises
    ------
    UsageError
        If the model hasn't what is asked for.
    ModelFileError
        If there is no value of such a name, or no such block.
    """

    def __init__(self, names: Collection[str], told: Told | None = None) -> None:
        self.names, self.told = names, told

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Add in place."""
        there = {value.name for value in model.graph.outputs}
        names = [name for name in dict.fromkeys(self.names) if name not in there]
        values = _Values(model)
        for name in names:
            if not name.startswith(GRADIENTS):
                values.add(name)
        if derivatives := [name for name in names if name.startswith(GRADIENTS)]:
            Derivatives(model, values.layout, self.told).add(derivatives)
        return ir.passes.PassResult(model, bool(names))


class _Values:
    """Adds values to a graph; what several of them need is found once."""

    def __init__(self, model: ir.Model) -> None:
        self.model, self.graph = model, model.graph
        self.layout: Layout = read_manifest(model)

    @cached_property
    def last(self) -> LastTokens:
        return find_last_tokens(self.model, self.layout.blocks)

    @cached_property
    def head(self) -> HeadNodes:
        logits = next((value for value in self.graph.outputs if value.name == LOGITS), None)
        if logits is None:
            raise UsageError(
                "the model has no head, so it gives no logits: lens can't be used on it."
            )
        return find_head_nodes(self.graph, self.last, logits, asks="lens")

    def add(self, name: str) -> None:
        """Add the output of this name."""
        if not is_derived(name):
            raise ModelFileError(f"no value of the name {name!r} can be found in a graph.")
        if name == FINAL_TOKENS:
            found = write_final_tokens(self.graph, self.last, self.layout)
            self.model.metadata_props[FINAL_NORM_KEY] = "tokens" if found else "none"
            return
        write = Writer(self.graph, name)
        value = as_single(write, self._value(write, name), "single")
        result = write.op("Identity", [value], "identity", SINGLE, value.shape)
        result.name = name
        self.graph.extend(write.nodes)
        self.graph.outputs.append(result)

    def _value(self, write: Writer, name: str) -> ir.Value:
        if name == NORMALISED:
            return normalised_pixels(self.graph)
        block = block_of(name)
        if name == attention_input_name(block):
            return attention_input(self.model, self.layout, block)
        tokens = output_of(self.graph, tokens_name(block))
        if name == residual_name(block):
            return self._residual(tokens, name)
        if name == logits_name(block):
            return self._logits(write, tokens)
        return self._patch_logits(write, tokens)

    def _residual(self, tokens: ir.Value, name: str) -> ir.Value:
        norm = ends_in_norm(tokens)
        if norm is not None:
            raise UsageError(
                f"the model normalises its residual stream inside the blocks ({norm.op_type} "
                f"{norm.name!r}), so {name} is no sum of what its layers add: choose another probe."
            )
        return tokens

    def _logits(self, write: Writer, tokens: ir.Value) -> ir.Value:
        """Write the head again, of another block's tokens."""
        head = self.head
        last = self.last
        # The last block's own need no change of form, which would cost a rounding in few bits.
        given = last.value if tokens is last.output else last.laid_out(write, tokens)
        made = {last.value: given}
        for node in head.nodes:
            inputs = [None if value is None else made.get(value, value) for value in node.inputs]
            again = write.again(node, inputs)
            again.metadata_props.update(node.metadata_props)
            for old, new in zip(node.outputs, again.outputs, strict=True):
                new.shape = old.shape
                made[old] = new
        return self._single(write, made[head.logits], head.logits.shape)

    def _patch_logits(self, write: Writer, tokens: ir.Value) -> ir.Value:
        """Write the head again, of each patch alone."""
        layout, head = self.layout, self.head
        batch, _, dim = tokens.shape or (None, None, None)
        edges = (layout.prefix, layout.prefix + layout.patches)
        bounds = [write.constant(f"edge_{edge}", [edge]) for edge in edges]
        sides = [batch, layout.patches, dim]
        axis = write.constant("axis", [1])
        patches = write.op("Slice", [tokens, *bounds, axis], "patches", SINGLE, sides)
        logits = logits_of_each(write, head, self.last, patches, asks="lens")
        classes = (known_sides(head.logits) or (None,))[-1]
        shape = write.constant("shape", [-1, layout.patches, classes or -1])
        whole = [batch, layout.patches, classes]
        apart = write.op("Reshape", [logits, shape], "apart", logits.dtype, whole)
        return self._single(write, apart, whole)

    @staticmethod
    def _single(write: Writer, value: ir.Value, shape: Iterable[Any] | None) -> ir.Value:
        value.shape = None if shape is None else ir.Shape(shape)
        return as_single(write, value, "single")
