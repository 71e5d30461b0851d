"""The same network for pictures of another size, as its manifest says it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from vitonnx.contract import (
    EMBEDDING,
    IMAGES,
    LOGITS,
    POSITION_EMBEDDING,
    POSITION_RESAMPLING,
    RELATIVE_INDEX,
    RELATIVE_RESAMPLING,
    RELATIVE_TABLE,
    ROTARY_COORDINATES,
    SIDES_KEY,
    attention_name,
    tokens_name,
)
from vitonnx.errors import ModelFileError
from vitonnx.graph._write import Writer, constant, numbers
from vitonnx.manifest import METADATA_KEY, Manifest
from vitonnx.positions import (
    patch_coordinates,
    relative_index,
    relative_matrix,
    resampling_matrix,
    sincos_table,
)

__all__ = ["Regrid", "read_manifest", "resample_positions", "write_manifest"]


class Regrid(ir.passes.InPlacePass):
    """Set a probe-ready graph to another input size.

    The checkpoint's own position embedding stays; the graph multiplies it by the resampling matrix,
    which a runtime folds when it loads the file. Tables of relative positions are treated likewise,
    and coordinates of rotary ones are recomputed. Nothing else in a canonical graph depends on the
    grid; in a tapped one, sides that do are marked.

    Parameters
    ----------
    size : (height, width)
        Input size in pixels, a multiple of the patch size.

    Raises
    ------
    UsageError
        If the patch size does not divide the size.
    ModelFileError
        If it isn't known how the model's positions become those of another grid.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Re-grid in place."""
        old = read_manifest(model)
        new = old.at(self.size)
        if new == old:
            return ir.passes.PassResult(model, modified=False)
        if new.size != old.size:
            _require_resizable(old)
        if new.grid != old.grid:
            new = resample_positions(model.graph, new)
            _resample_relative(model.graph, old, new)
            _recompute_coordinates(model.graph, old, new)
            _set_sides(model.graph, new)
        if new.size != old.size:
            _set_shapes(model.graph, new)
        write_manifest(model, new)
        return ir.passes.PassResult(model, modified=True)


def _require_resizable(manifest: Manifest) -> None:
    if manifest.resizable:
        return
    why = manifest.size_fixed_by or "how to resample its positions to another grid is not known"
    raise ModelFileError(
        f"{manifest.name} takes pictures of {manifest.size[0]}x{manifest.size[1]} only: {why}. "
        "Use that size, or tap an export of the other size."
    )


def resample_positions(graph: ir.Graph, manifest: Manifest) -> Manifest:
    """Have a graph read its position embedding, where it has one, at the manifest's grid."""
    positions = graph.initializers.get(POSITION_EMBEDDING)
    if positions is None or manifest.position_grid is None:
        return manifest
    _drop_resampling(graph, positions, POSITION_RESAMPLING)
    if manifest.position_interpolation == "sincos":
        # No parameter, but a formula: it is computed anew, as the model's own code does.
        table = sincos_table(manifest.grid, manifest.dim, prefix=len(manifest.position_prefix))
        _set_values(positions, table)
        return replace(manifest, position_grid=manifest.grid)
    if manifest.grid != manifest.position_grid:
        matrix = resampling_matrix(
            manifest.position_grid,
            manifest.grid,
            interpolation=str(manifest.position_interpolation),
            prefix=len(manifest.position_prefix),
        )
        _add_resampling(graph, [positions], POSITION_RESAMPLING, matrix)
    return manifest


def _resample_relative(graph: ir.Graph, old: Manifest, new: Manifest) -> None:
    index = graph.initializers.get(RELATIVE_INDEX)
    if index is None or new.relative_grid is None or index.shape is None:
        return
    prefix = int(index.shape[0]) - old.patches  # type: ignore[arg-type]
    _set_values(index, relative_index(new.grid, prefix))
    tables = [
        value
        for name, value in graph.initializers.items()
        if name.removeprefix(RELATIVE_TABLE).isdecimal()
    ]
    for table in tables:
        _drop_resampling(graph, table, RELATIVE_RESAMPLING)
    if new.grid != new.relative_grid:
        interpolation = str(new.position_interpolation)
        matrix = relative_matrix(
            new.relative_grid, new.grid, interpolation=interpolation, prefix=prefix
        )
        _add_resampling(graph, tables, RELATIVE_RESAMPLING, matrix)


def _recompute_coordinates(graph: ir.Graph, old: Manifest, new: Manifest) -> None:
    coordinates = graph.initializers.get(ROTARY_COORDINATES)
    if coordinates is not None and coordinates.shape is not None:
        prefix = int(coordinates.shape[0]) - old.patches  # type: ignore[arg-type]
        _set_values(coordinates, patch_coordinates(new.grid, prefix))


def _set_sides(graph: ir.Graph, manifest: Manifest) -> None:
    """Write the new numbers of tokens and patches where a shape names them."""
    sides = {
        "tokens": manifest.tokens,
        "patches": manifest.patches,
        "rows": manifest.grid[0],
        "columns": manifest.grid[1],
    }
    for node in graph:
        if SIDES_KEY not in node.metadata_props:
            continue
        old = numbers(node.inputs[1])
        if old is None:
            raise ModelFileError(f"{node.name} has lost its shape: tap the model again.")
        words = node.metadata_props[SIDES_KEY].split(",")
        new = [sides.get(word, number) for word, number in zip(words, old, strict=True)]
        own = constant(graph, f"{node.name}/sides", new)
        node.replace_input_with(1, own)


def _set_values(initializer: ir.Value, array: NDArray[Any]) -> None:
    initializer.const_value = ir.tensor(array, name=initializer.name)
    initializer.shape = ir.Shape(array.shape)


def _add_resampling(
    graph: ir.Graph, tables: Sequence[ir.Value], name: str, matrix: NDArray[np.float32]
) -> None:
    """Multiply tables by a matrix, wherever they are read."""
    factor = constant(graph, name, matrix)
    for table in tables:
        write = Writer(graph, f"embed/{name if table.name == POSITION_EMBEDDING else table.name}")
        product = write.op("MatMul", [factor, table], "matmul", ir.DataType.FLOAT)
        table.replace_all_uses_with(product)
        write.nodes[0].replace_input_with(1, table)
        write.put_before(graph[0])


def _drop_resampling(graph: ir.Graph, table: ir.Value, name: str) -> None:
    """Take out what an earlier re-gridding put in."""
    for use in list(table.uses()):
        factor = use.node.inputs[0]
        if use.node.op_type == "MatMul" and factor is not None and factor.name == name:
            use.node.outputs[0].replace_all_uses_with(table)
            graph.remove(use.node, safe=True)
            if not factor.uses():
                del graph.initializers[name]


def _set_shapes(graph: ir.Graph, manifest: Manifest) -> None:
    """State the new shapes of input and outputs; those in between are no longer known."""
    tokens = manifest.tokens
    sides: dict[str | None, tuple[int, ...]] = {IMAGES: (*manifest.size, 3)}
    for block in range(manifest.blocks):
        sides[attention_name(block)] = (manifest.heads, tokens, tokens)
        sides[tokens_name(block)] = (tokens, manifest.dim)
    boundary = {*graph.inputs, *graph.outputs}
    for value in [*boundary, *(value for node in graph for value in node.outputs)]:
        if value in boundary and value.name in sides and value.shape is not None:
            value.shape = ir.Shape([value.shape[0], *sides[value.name]])
        elif value not in boundary or value.name not in (LOGITS, EMBEDDING):
            value.shape = None


def write_manifest(model: ir.Model, manifest: Manifest) -> None:
    """Put the manifest into the model's metadata, in place of any other."""
    model.metadata_props[METADATA_KEY] = manifest.to_json()


def read_manifest(model: ir.Model) -> Manifest:
    """Read the manifest from the model's metadata.

    Raises
    ------
    ModelFileError
        If there is none, or this version can't honour it.
    """
    return Manifest.from_metadata(model.metadata_props)
