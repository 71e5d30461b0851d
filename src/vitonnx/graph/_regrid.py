"""The same network for pictures of another size."""

from __future__ import annotations

from dataclasses import replace

import onnx_ir as ir

from vitonnx.errors import ModelFileError
from vitonnx.graph._contract import (
    IMAGES,
    POSITION_EMBEDDING,
    attention_name,
    read_manifest,
    tokens_name,
    write_manifest,
)
from vitonnx.manifest import Manifest
from vitonnx.positions import resampling_matrix, sincos_table

__all__ = ["Regrid"]

RESAMPLING = "position_resampling"


class Regrid(ir.passes.InPlacePass):
    """Set a probe-ready graph to another input size.

    The position embedding stays as the checkpoint has it; the graph multiplies it by the matrix
    that resamples it, which a runtime folds when it loads the file. Everything else in a
    canonical graph does not depend on the grid.

    Parameters
    ----------
    size : (height, width)
        In pixels; multiples of the patch size.

    Raises
    ------
    UsageError
        If the patch size does not divide the size.
    ModelFileError
        If the model has no position embedding, or it isn't known how to resample it.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Re-grid in place."""
        old = read_manifest(model)
        new = old.at(self.size)
        if new == old:
            return ir.passes.PassResult(model, modified=False)
        if new.grid != old.grid:
            _resample_positions(model.graph, new)
            _set_shapes(model.graph, new)
            if new.position_interpolation == "sincos":
                new = replace(new, position_grid=new.grid)
        write_manifest(model, new)
        return ir.passes.PassResult(model, modified=True)


def _resample_positions(graph: ir.Graph, manifest: Manifest) -> None:
    positions = graph.initializers.get(POSITION_EMBEDDING)
    if positions is not None and manifest.position_interpolation is None:
        raise ModelFileError(
            f"{manifest.name} was tapped, and a graph doesn't say how its position embedding is "
            "resampled: use its own size, or tap an export of the other one."
        )
    if positions is None or manifest.position_grid is None:
        raise ModelFileError(
            f"{manifest.name} has no position embedding that could be resampled: use its own "
            "size, or export it at the other one."
        )
    _drop_resampling(graph, positions)
    if manifest.position_interpolation == "sincos":
        # No parameter, but a formula: it is computed anew, as the model's own code does.
        table = sincos_table(manifest.grid, manifest.dim, prefix=len(manifest.position_prefix))
        positions.const_value = ir.tensor(table, name=POSITION_EMBEDDING)
        positions.shape = ir.Shape(table.shape)
        return
    if manifest.grid == manifest.position_grid:
        return
    matrix = resampling_matrix(
        manifest.position_grid,
        manifest.grid,
        interpolation=str(manifest.position_interpolation),
        prefix=len(manifest.position_prefix),
    )
    factor = ir.Value(name=RESAMPLING, const_value=ir.tensor(matrix, name=RESAMPLING))
    graph.register_initializer(factor)
    product = ir.node("MatMul", [factor, positions], name=f"embed/{RESAMPLING}/matmul")
    product.outputs[0].name = product.name
    positions.replace_all_uses_with(product.outputs[0])
    product.replace_input_with(1, positions)
    graph.insert_before(graph[0], product)


def _drop_resampling(graph: ir.Graph, positions: ir.Value) -> None:
    """Take out what an earlier re-gridding put in."""
    for use in list(positions.uses()):
        factor = use.node.inputs[0]
        if use.node.op_type == "MatMul" and factor is not None and factor.name == RESAMPLING:
            use.node.outputs[0].replace_all_uses_with(positions)
            graph.remove(use.node, safe=True)
            del graph.initializers[RESAMPLING]


def _set_shapes(graph: ir.Graph, manifest: Manifest) -> None:
    """State the new shapes of input and outputs; those in between are no longer known."""
    boundary = {*graph.inputs, *graph.outputs}
    for node in graph:
        for value in node.outputs:
            if value not in boundary:
                value.shape = None
    tokens = manifest.tokens
    sides: dict[str | None, tuple[int, ...]] = {IMAGES: (*manifest.size, 3)}
    for block in range(manifest.blocks):
        sides[attention_name(block)] = (manifest.heads, tokens, tokens)
        sides[tokens_name(block)] = (tokens, manifest.dim)
    for value in boundary:
        if value.name in sides and value.shape is not None:
            value.shape = ir.Shape([value.shape[0], *sides[value.name]])
