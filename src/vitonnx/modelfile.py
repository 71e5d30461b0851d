"""Parts of a probe-ready file, read without the rest.

An ONNX file is one protobuf message, which protobuf parses whole or not at all: of 1.2 GB that
takes seconds, and twice as much memory. Here the message is followed by the lengths it states,
the parts that are wanted are given to onnx, and all others stay on the disk.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx.checker import ValidationError

from vitonnx.errors import ModelFileError
from vitonnx.manifest import Manifest, require_model_file

__all__ = ["load_manifest", "load_weights"]

Part = TypeVar("Part")

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
                f"{file} has no weight {name!r}: export the checkpoint again with `vitonnx export`."
            )
    return {name: _to_array(tensors[name], file) for name in names}


def _read(file: Path, part: Callable[[mmap.mmap], Part]) -> Part:
    """Open a file as if it were in memory, and read a part of it."""
    require_model_file(file)
    with (
        file.open("rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        try:
            return part(data)
        except (DecodeError, IndexError, UnicodeDecodeError) as error:
            raise ModelFileError(
                f"{file} is no ONNX model, or a damaged one: export or copy it again."
            ) from error


def _metadata(data: mmap.mmap) -> dict[str, str]:
    places = _places(data, onnx.ModelProto.METADATA_PROPS_FIELD_NUMBER, 0, len(data))
    entries = [onnx.StringStringEntryProto.FromString(data[start:end]) for start, end in places]
    return {entry.key: entry.value for entry in entries}


def _initializers(data: mmap.mmap, names: Sequence[str]) -> dict[str, onnx.TensorProto]:
    return {
        name: onnx.TensorProto.FromString(data[start:end])
        for graph in _places(data, onnx.ModelProto.GRAPH_FIELD_NUMBER, 0, len(data))
        for start, end in _places(data, onnx.GraphProto.INITIALIZER_FIELD_NUMBER, *graph)
        if (name := _name(data, start, end)) in names
    }


def _name(data: mmap.mmap, start: int, end: int) -> str:
    """Read a tensor's name, and not its values."""
    names = _places(data, onnx.TensorProto.NAME_FIELD_NUMBER, start, end)
    return "".join(data[first:last].decode() for first, last in names)


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
        if kind == LENGTH:
            length, start = _varint(data, start)
        elif kind == VARINT:
            length = _varint(data, start)[1] - start
        elif kind in FIXED:
            length = FIXED[kind]
        else:
            raise DecodeError(f"unknown wire type {kind}")
        if start + length > end:
            raise DecodeError(f"a field of {length} bytes at {start} ends after its message")
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
            raise DecodeError("an integer without an end")


def _to_array(tensor: onnx.TensorProto, file: Path) -> NDArray[np.generic]:
    """Take a tensor's values from where they are: in it, or in a file beside the model's."""
    try:
        array: NDArray[np.generic] = onnx.numpy_helper.to_array(tensor, str(file.parent))
    except (ValidationError, OSError, ValueError) as error:
        other = [entry.value for entry in tensor.external_data if entry.key == "location"]
        where = f"{other[0]}, which belongs beside {file}," if other else str(file)
        raise ModelFileError(
            f"The weight {tensor.name!r} in {where} can't be read, as it is missing or damaged: "
            "export or copy the model again."
        ) from error
    return array
