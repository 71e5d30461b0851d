"""Parts of a probe-ready file, read without the rest.

An ONNX file is one protobuf message, which protobuf parses whole or not at all: of 1.2 GB that
takes seconds, and twice as much memory. Here the message is followed by the lengths it states,
the parts that are wanted are given to onnx, and all others stay on the disk. The manifest is read
without onnx, which takes a while to import.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import ModelFileError
from vitonnx.manifest import BAKED_KEY, METADATA_KEY, Manifest, require_model_file

if TYPE_CHECKING:
    import onnx

__all__ = [
    "is_baked",
    "is_ours",
    "load_manifest",
    "load_operators",
    "load_shapes",
    "load_skeleton",
    "load_weights",
]

Part = TypeVar("Part")

# Numbers of the fields that are followed here, from onnx.proto; they never change.
MODEL_GRAPH, MODEL_METADATA = 7, 14
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
NODE_OPERATOR = 4
ENTRY_KEY, ENTRY_VALUE = 1, 2
VALUE_NAME, VALUE_DIMENSIONS, DIMENSION_SIZE = 1, (2, 1, 2, 1), 1
TENSOR_NAME, TENSOR_RAW_DATA = 8, 9
ORT_FORMAT = b"ORTM"  # the mark of onnxruntime's flat buffers, behind their first offset
# Smaller tensors are read: shapes and bounds that graph passes look at.
LARGE = 4096

# The wire types of protobuf that have a fixed length, in bytes; and the two that say their own.
FIXED = {1: 8, 5: 4}
VARINT, LENGTH = 0, 2
LONGEST = 63  # bits of an integer before its last byte


def load_manifest(file: Path) -> Manifest:
    """Read the manifest of a file, and nothing else of it.

    Raises
    ------
    ModelFileError
        If the file can't be read, is no ONNX model, or has no manifest we can honour.
    """
    return Manifest.from_metadata(_read(file, _metadata), file=str(file))


def load_weights(file: Path, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """Read some initializers of a file, and nothing else of it.

    Parameters
    ----------
    file : path
        An ONNX file; weights that stand in a file beside it are read from there.
    names : sequence of str
        Of initializers.

    Returns
    -------
    dict of str to array
        In the order of the names.

    Raises
    ------
    ModelFileError
        If the file can't be read or is no ONNX model, or a weight is missing.
    """
    tensors = _read(file, lambda data: _initializers(data, names))
    for name in names:
        if name not in tensors:
            raise ModelFileError(
                f"{file} has no weight {name!r}: a tapped model may have none, and any other "
                "should be exported again with `vitonnx export`."
            )
    return {name: _to_array(tensors[name], file) for name in names}


def is_baked(file: Path) -> bool:
    """Whether probes were compiled into a file, instead of the contract's outputs.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is no ONNX model.
    """
    return BAKED_KEY in _read(file, _metadata)


def is_ours(file: Path) -> bool:
    """Whether vitonnx wrote a file: a probe-ready one, or one with probes compiled into it.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is no ONNX model.
    """
    return not {METADATA_KEY, BAKED_KEY}.isdisjoint(_read(file, _metadata))


def load_shapes(file: Path) -> dict[str, list[int | None]]:
    """Read the shapes of a file's inputs and outputs, and nothing else of it.

    Returns
    -------
    dict of str to list of int or None
        None where a side is open, as the batch is.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is no ONNX model.
    """
    return _read(file, _shapes)


def load_operators(file: Path) -> frozenset[str]:
    """Read the names of the operators that a file uses, and nothing else of it.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is no ONNX model.
    """
    return _read(file, _operators)


def load_skeleton(file: Path) -> onnx.ModelProto:
    """Read a file without its large weights, which stay where they are.

    Returns
    -------
    onnx.ModelProto
        Weights of more than a few kilobytes are external data: a place in this very file, or in
        the one beside it that they stand in.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is no ONNX model.
    """
    return _read(file, lambda data: _skeleton(data, file.name))


def _read(file: Path, part: Callable[[mmap.mmap], Part]) -> Part:
    """Open a file as if it were in memory, and read a part of it."""
    require_model_file(file)
    with (
        file.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        if data[4:8] == ORT_FORMAT:
            raise ModelFileError(
                f"{file} is in onnxruntime's own format (.ort), which only onnxruntime reads: use "
                "the .onnx file that it was made of."
            )
        try:
            return part(data)
        except (ValueError, IndexError, _decode_error()) as error:
            raise ModelFileError(
                f"{file} is no ONNX model, or a damaged one: export or copy it again."
            ) from error


def _metadata(data: mmap.mmap) -> dict[str, str]:
    places = _places(data, MODEL_METADATA, 0, len(data))
    return {
        _text(data, ENTRY_KEY, *entry): _text(data, ENTRY_VALUE, *entry) for entry in list(places)
    }


def _shapes(data: mmap.mmap) -> dict[str, list[int | None]]:
    return {
        _text(data, VALUE_NAME, *value): [
            next((_varint(data, size)[0] for size, _ in _places(data, DIMENSION_SIZE, *side)), None)
            for side in _nested(data, VALUE_DIMENSIONS, *value)
        ]
        for graph in list(_places(data, MODEL_GRAPH, 0, len(data)))
        for field in (GRAPH_INPUT, GRAPH_OUTPUT)
        for value in list(_places(data, field, *graph))
    }


def _operators(data: mmap.mmap) -> frozenset[str]:
    path = (MODEL_GRAPH, GRAPH_NODE, NODE_OPERATOR)
    return frozenset(data[start:end].decode() for start, end in _nested(data, path, 0, len(data)))


def _nested(
    data: mmap.mmap, path: Sequence[int], start: int, end: int
) -> Iterator[tuple[int, int]]:
    """Find where a field of a field … stands."""
    for place in _places(data, path[0], start, end):
        if len(path) == 1:
            yield place
        else:
            yield from _nested(data, path[1:], *place)


def _initializers(data: mmap.mmap, names: Sequence[str]) -> dict[str, onnx.TensorProto]:
    from onnx import TensorProto

    return {
        name: TensorProto.FromString(data[start:end])
        for graph in _places(data, MODEL_GRAPH, 0, len(data))
        for start, end in _places(data, GRAPH_INITIALIZER, *graph)
        if (name := _text(data, TENSOR_NAME, start, end)) in names
    }


def _skeleton(data: mmap.mmap, location: str) -> onnx.ModelProto:
    """Parse all but large weights, of which it is said where they stand."""
    from onnx import GraphProto, ModelProto, TensorProto

    model = ModelProto.FromString(_without(data, MODEL_GRAPH, 0, len(data)))
    for place in _places(data, MODEL_GRAPH, 0, len(data)):
        model.graph.MergeFrom(GraphProto.FromString(_without(data, GRAPH_INITIALIZER, *place)))
        for start, end in _places(data, GRAPH_INITIALIZER, *place):
            values = list(_places(data, TENSOR_RAW_DATA, start, end))
            if end - start < LARGE or not values:
                model.graph.initializer.append(TensorProto.FromString(data[start:end]))
                continue
            tensor = TensorProto.FromString(_without(data, TENSOR_RAW_DATA, start, end))
            tensor.data_location = TensorProto.EXTERNAL
            ((first, last),) = values
            parts = {"location": location, "offset": str(first), "length": str(last - first)}
            for key, value in parts.items():
                tensor.external_data.add(key=key, value=value)
            model.graph.initializer.append(tensor)
    return model


def _without(data: mmap.mmap, unwanted: int, start: int, end: int) -> bytes:
    """Copy a message but for one of its fields."""
    kept, place = [], start
    for number, _, last in _fields(data, start, end):
        if number != unwanted:
            kept.append(data[place:last])
        place = last
    return b"".join(kept)


def _text(data: mmap.mmap, number: int, start: int, end: int) -> str:
    """Read a text field of a message, and nothing else of it."""
    return "".join(data[first:last].decode() for first, last in _places(data, number, start, end))


def _decode_error() -> type[Exception]:
    """Give protobuf's exception, without which nothing can have been decoded."""
    from google.protobuf.message import DecodeError

    return DecodeError


def _places(data: mmap.mmap, wanted: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Find where a field of a message stands, as often as it does: its start and its end."""
    for number, first, last in _fields(data, start, end):
        if number == wanted:
            yield first, last


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Give the number, start and end of every field of a message."""
    while start < end:
        key, start = _varint(data, start)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise ValueError("there is no field of the number 0")
        if kind == LENGTH:
            length, start = _varint(data, start)
        elif kind == VARINT:
            length = _varint(data, start)[1] - start
        elif kind in FIXED:
            length = FIXED[kind]
        else:
            raise ValueError(f"unknown wire type {kind}")
        if start + length > end:
            raise ValueError(f"a field of {length} bytes at {start} ends after its message")
        yield number, start, start + length
        start += length


def _varint(data: mmap.mmap, start: int) -> tuple[int, int]:
    """Read an integer of seven bits a byte, lowest first; and where it ends."""
    value, shift = 0, 0
    while True:
        byte = data[start]
        value |= (byte & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if byte < 0x80:
            return value, start
        if shift > LONGEST:
            raise ValueError("an integer without an end")


def _to_array(tensor: onnx.TensorProto, file: Path) -> NDArray[np.generic]:
    """Take a tensor's values from where they are: in it, or in a file beside the model's."""
    from onnx import numpy_helper
    from onnx.checker import ValidationError

    try:
        array: NDArray[np.generic] = numpy_helper.to_array(tensor, str(file.parent))
    except (ValidationError, OSError, ValueError) as error:
        other = [entry.value for entry in tensor.external_data if entry.key == "location"]
        where = f"{other[0]}, which belongs beside {file}," if other else str(file)
        raise ModelFileError(
            f"The weight {tensor.name!r} in {where} can't be read, as it is missing or damaged: "
            "export or copy the model again."
        ) from error
    return array
