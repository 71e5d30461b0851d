"""Files of external weights: none outside the model's own folder is read."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.errors import ModelFileError
from vitonnx.filenames import shown
from vitonnx.modelfile._outline import load_skeleton

if TYPE_CHECKING:
    import onnx

__all__ = ["entries_of", "external_tensors", "home", "place_of", "weight_files", "weight_names"]

# Of an entry, by the numbers of onnx.TensorProto.DataType: all but those of texts.
BITS = {
    **dict.fromkeys((2, 3, 9, 17, 18, 19, 20, 24), 8),
    **dict.fromkeys((4, 5, 10, 16), 16),
    **dict.fromkeys((1, 6, 12), 32),
    **dict.fromkeys((7, 11, 13, 14), 64),
    **dict.fromkeys((21, 22, 23), 4),
    **dict.fromkeys((25, 26), 2),
    **dict.fromkeys((27, 28), 6),
    15: 128,
}
LONGEST_LOCATION = 1_000  # letters, more than any system has in a name


def home(file: Path) -> Path:
    """Return the folder of a model's files; a hub's cache links to them from elsewhere."""
    return file.resolve().parent


def weight_files(file: Path) -> list[Path]:
    """List the external files that the weights of a model are read from, with links resolved.

    Raises
    ------
    ModelFileError
        If it is not an ONNX model, or keeps weights where no model may.
    """
    places = {place_of(tensor, file) for tensor in external_tensors(load_skeleton(file))}
    return sorted(places - {file.resolve()})


def weight_names(file: Path) -> list[str]:
    """List the external files of a model's weights, by the names the model uses.

    They need not exist.

    Raises
    ------
    ModelFileError
        If it is not an ONNX model.
    """
    tensors = external_tensors(load_skeleton(file))
    names = {entries_of(tensor).get("location", "") for tensor in tensors}
    return sorted(names - {file.name, ""})


def place_of(tensor: onnx.TensorProto, file: Path) -> Path:
    """Return the file that holds a weight, with links resolved.

    It must be a regular one in the model's real folder, and long enough. A second hard link is not
    an attack: package managers make them for all installed files.
    """
    entries = entries_of(tensor)
    location = entries.get("location", "")
    if not location or "\0" in location or len(location) > LONGEST_LOCATION:
        raise ModelFileError(
            f"{file} is damaged: it doesn't say where its weight {tensor.name!r} is."
        )
    place = file.absolute().parent / location
    # A hub's cache keeps files elsewhere, under links: all of a model's in one folder.
    inside = _behind_links(place, file).is_relative_to(home(file))
    if ".." in Path(location).parts or Path(location).is_absolute() or not inside:
        raise ModelFileError(
            f"{file} refers to a weight in {location!r}, outside its own folder, which is "
            "refused: keep all files of a model in one folder."
        )
    if not os.path.isfile(place):  # noqa: PTH113 - which raises for no name
        raise ModelFileError(
            f"{file} has weights in {location!r}, which is missing or not a file: copy it beside "
            "the model."
        )
    size, offset = _size(tensor, file), _number(entries.get("offset", "0"), file)
    length = _number(entries.get("length", str(size)), file)
    if length != size:
        raise ModelFileError(
            f"{file} is damaged: its weight {tensor.name!r} takes {size} bytes, but {location!r} "
            f"is said to hold {length}."
        )
    if offset + size > place.stat().st_size:
        raise ModelFileError(
            f"{place} is shorter than {file} says: it is damaged, or belongs to another model."
        )
    return place.resolve()


def _behind_links(place: Path, file: Path) -> Path:
    try:
        return place.resolve()
    except (OSError, ValueError) as error:  # links in a circle, a name that no system has
        name = shown(place.name)
        raise ModelFileError(
            f"{file} has weights in {name!r}, which doesn't exist: copy the model again."
        ) from error


def _size(tensor: onnx.TensorProto, file: Path) -> int:
    """Return the bytes of a weight; entries smaller than a byte are packed."""
    if tensor.data_type not in BITS or any(side < 0 for side in tensor.dims):
        raise ModelFileError(
            f"{file} is damaged: its weight {tensor.name!r} has no size, or no type of known size."
        )
    return -(-math.prod(tensor.dims) * BITS[tensor.data_type] // 8)


def _number(word: str, file: Path) -> int:
    if not (word.isascii() and word.isdecimal()) or len(word) > len(str(2**64)):
        raise ModelFileError(
            f"{file} is damaged: the offset or length of a weight is {word[:40]!r}."
        )
    return int(word)


def external_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Iterate over the tensors whose values are in an external file."""
    for tensor in _tensors(model):
        if tensor.data_location == tensor.EXTERNAL or tensor.external_data:
            yield tensor


def entries_of(tensor: onnx.TensorProto) -> dict[str, str]:
    """Return the location of a tensor's values: ``location``, ``offset``, ``length``."""
    return {entry.key: entry.value for entry in tensor.external_data}


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_nodes(function.node)
        for attribute in function.attribute_proto:
            yield from _of_attribute(attribute)
    for info in model.training_info:
        yield from _of_graph(info.initialization)
        yield from _of_graph(info.algorithm)


def _of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            yield from _of_attribute(attribute)


def _of_attribute(attribute: onnx.AttributeProto) -> Iterator[onnx.TensorProto]:
    yield from (attribute.t, *attribute.tensors)
    for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
        yield from (sparse.values, sparse.indices)
    for graph in (attribute.g, *attribute.graphs):
        yield from _of_graph(graph)
