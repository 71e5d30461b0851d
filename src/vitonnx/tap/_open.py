"""Read an ONNX file that somebody else made, and trust nothing in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import onnx_ir as ir
import onnx_ir.passes.common as common

from vitonnx.errors import ModelFileError
from vitonnx.manifest import BAKED_KEY, METADATA_KEY
from vitonnx.modelfile import load_skeleton
from vitonnx.tap._erfc import WriteErfc

if TYPE_CHECKING:
    import onnx

__all__ = ["home", "open_foreign", "weight_files", "weight_names"]


def home(file: Path) -> Path:
    """Give the folder that a model's files lie in; a hub's cache links to them from elsewhere."""
    return file.resolve().parent


def weight_files(file: Path) -> list[Path]:
    """List the files beside a model that its weights are read from.

    Raises
    ------
    ModelFileError
        If it is no ONNX model, or keeps weights where no model may.
    """
    proto = load_skeleton(file)
    places = {_place(tensor, file) for tensor in _tensors(proto) if tensor.external_data}
    return sorted(places - {file.resolve()})


def weight_names(file: Path) -> list[str]:
    """List the files beside a model that hold its weights, as the model calls them.

    They need not be there.

    Raises
    ------
    ModelFileError
        If it is no ONNX model.
    """
    tensors = _tensors(load_skeleton(file))
    names = {
        entry.value
        for tensor in tensors
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(names - {file.name, ""})


def open_foreign(file: Path) -> ir.Model:
    """Read a graph; its large weights stay in their files until they are asked for.

    Raises
    ------
    ModelFileError
        If it is no ONNX model, is damaged, keeps weights where no model may, or is one of ours.
    """
    proto = load_skeleton(file)
    metadata = {entry.key for entry in proto.metadata_props}
    if metadata & {METADATA_KEY, BAKED_KEY}:
        raise ModelFileError(
            f"{file} needs no tapping: vitonnx made it, and `vitonnx inspect` says what is in it."
        )
    if not proto.graph.node:
        raise ModelFileError(f"{file} is no model: its graph is empty.")
    for tensor in _tensors(proto):
        if tensor.data_location == tensor.EXTERNAL:
            _set_place(tensor, _place(tensor, file).relative_to(home(file)).as_posix())
    for number, node in enumerate(proto.graph.node):
        node.name = node.name or f"{node.op_type.lower()}_{number}"
    try:
        model: ir.Model = ir.from_proto(proto)
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise ModelFileError(
            f"{file} is no ONNX model, or a damaged one: export or copy it again."
        ) from error
    ir.external_data.set_base_dir(model.graph, home(file))
    _sort(model, file)
    WriteErfc()(model)
    return model


def _sort(model: ir.Model, file: Path) -> None:
    """Put nodes behind what they read: some tools leave them anywhere, and runtimes don't mind."""
    try:
        common.TopologicalSortPass()(model)
    except (ValueError, ir.passes.PassError) as error:
        raise ModelFileError(
            f"{file} is damaged: nodes of its graph need each other's results, round in a circle. "
            "Export or copy it again."
        ) from error


def _tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Go through all tensors of a model, wherever they stand in it."""
    yield from _tensors_of_graph(proto.graph)
    for function in proto.functions:
        yield from _tensors_of_nodes(function.node)


def _tensors_of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _tensors_of_nodes(graph.node)


def _tensors_of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for graph in (attribute.g, *attribute.graphs):
                yield from _tensors_of_graph(graph)


def _place(tensor: onnx.TensorProto, file: Path) -> Path:
    """Give the file that holds a weight, behind all links; refuse it outside the model's folder."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if not location:
        raise ModelFileError(
            f"{file} is damaged: it doesn't say where its weight {tensor.name!r} is."
        )
    place = file.absolute().parent / location
    # A hub's cache keeps files elsewhere, under links: all of a model's in one folder.
    inside = place.resolve().is_relative_to(home(file))
    if ".." in Path(location).parts or Path(location).is_absolute() or not inside:
        raise ModelFileError(
            f"{file} wants to read a weight from {location!r}, outside its own folder: that is "
            "refused. Keep a model's files together in one folder."
        )
    if not place.is_file():
        raise ModelFileError(
            f"{file} has weights in {location!r}, which is missing: copy it beside the model."
        )
    offset, length = (_number(entries.get(key, "0"), file) for key in ("offset", "length"))
    if "length" in entries and length != _bytes(tensor):
        raise ModelFileError(
            f"{file} is damaged: its weight {tensor.name!r} takes {_bytes(tensor)} bytes, and "
            f"{length} are said to be in {location!r}."
        )
    if offset + _bytes(tensor) > place.stat().st_size:
        raise ModelFileError(
            f"{place} is shorter than {file} says: it is damaged or belongs to another model."
        )
    return place.resolve()


def _set_place(tensor: onnx.TensorProto, location: str) -> None:
    for entry in tensor.external_data:
        if entry.key == "location":
            entry.value = location


def _bytes(tensor: onnx.TensorProto) -> int:
    """Give what a weight takes, its entries packed where they are smaller than a byte."""
    return math.ceil(math.prod(tensor.dims) * ir.DataType(tensor.data_type).itemsize)


def _number(text: str, file: Path) -> int:
    if not text.isdecimal():
        raise ModelFileError(f"{file} is damaged: a weight's place in a file is {text!r}.")
    return int(text)
