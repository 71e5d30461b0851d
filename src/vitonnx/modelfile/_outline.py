"""A file without its values: its outline, or its graph without the large weights."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vitonnx.modelfile._model_file import read
from vitonnx.modelfile._wire import integers, nested, places, text, without

if TYPE_CHECKING:
    import onnx

__all__ = ["Outline", "Tensor", "load_metadata", "load_outline", "load_skeleton"]

# Numbers of the fields that are followed, from onnx.proto; they never change.
MODEL_GRAPH, MODEL_METADATA, MODEL_FUNCTION = 7, 14, 25
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_OUTPUT = 1, 5, 11, 12
NODE_OPERATOR = 4
ENTRY_KEY, ENTRY_VALUE = 1, 2
VALUE_NAME, VALUE_ELEMENT, VALUE_DIMENSIONS, DIMENSION_SIZE = 1, (2, 1, 1), (2, 1, 2, 1), 1
TENSOR_DIMENSIONS, TENSOR_ELEMENT, TENSOR_NAME, TENSOR_RAW_DATA, TENSOR_PLACE = 1, 2, 8, 9, 13
# Smaller tensors are read: shapes and bounds that graph passes look at.
LARGE = 4096


class Tensor(NamedTuple):
    """A file's description of a tensor.

    Parameters
    ----------
    element : int
        Type of its entries, a number of ``onnx.TensorProto.DataType``; 0 where it isn't said.
    shape : list of int or None
        Sides; None for an open one, like that of the batch.
    """

    element: int
    shape: list[int | None]


@dataclass(frozen=True)
class Outline:
    """Content of a file, by name.

    Parameters
    ----------
    inputs, outputs, weights : mapping of str to Tensor
        Inputs are those that a caller gives: what has a weight is none.
    operators : frozenset of str
        Names of the operators in the graph.
    functions : int
        Number of operators that the file defines itself.
    metadata : mapping of str to str
        Metadata of the model.
    beside : frozenset of str
        Names of the files that weights stand in, as the model says them; nothing to be opened.
    """

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    operators: frozenset[str]
    functions: int
    metadata: Mapping[str, str]
    beside: frozenset[str]


def load_outline(file: Path) -> Outline:
    """Read what a file has, and no values.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is not an ONNX model.
    """
    return read(file, _outline)


def load_metadata(file: Path) -> dict[str, str]:
    """Read the metadata of a file, and nothing else of it."""
    return read(file, _metadata)


def _outline(data: mmap.mmap) -> Outline:
    weights = _weights(data)
    inputs = _values(data, GRAPH_INPUT)
    return Outline(
        inputs={name: value for name, value in inputs.items() if name not in weights},
        outputs=_values(data, GRAPH_OUTPUT),
        weights=weights,
        operators=_operators(data),
        functions=sum(1 for _ in places(data, MODEL_FUNCTION, 0, len(data))),
        metadata=_metadata(data),
        beside=_beside(data),
    )


def _metadata(data: mmap.mmap) -> dict[str, str]:
    entries = list(places(data, MODEL_METADATA, 0, len(data)))
    return {text(data, ENTRY_KEY, *entry): text(data, ENTRY_VALUE, *entry) for entry in entries}


def _values(data: mmap.mmap, field: int) -> dict[str, Tensor]:
    found = list(nested(data, (MODEL_GRAPH, field), 0, len(data)))
    return {text(data, VALUE_NAME, *value): _value(data, *value) for value in found}


def _value(data: mmap.mmap, start: int, end: int) -> Tensor:
    elements = [
        element
        for kind in nested(data, VALUE_ELEMENT[:-1], start, end)
        for element in integers(data, VALUE_ELEMENT[-1], *kind)
    ]
    sides = nested(data, VALUE_DIMENSIONS, start, end)
    sizes = [integers(data, DIMENSION_SIZE, *side) for side in sides]
    return Tensor(elements[-1] if elements else 0, [size[-1] if size else None for size in sizes])


def _weights(data: mmap.mmap) -> dict[str, Tensor]:
    found = list(nested(data, (MODEL_GRAPH, GRAPH_INITIALIZER), 0, len(data)))
    return {text(data, TENSOR_NAME, *weight): _weight(data, *weight) for weight in found}


def _weight(data: mmap.mmap, start: int, end: int) -> Tensor:
    elements = integers(data, TENSOR_ELEMENT, start, end)
    sides: list[int | None] = [*integers(data, TENSOR_DIMENSIONS, start, end)]
    return Tensor(elements[-1] if elements else 0, sides)


def _beside(data: mmap.mmap) -> frozenset[str]:
    entries = nested(data, (MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_PLACE), 0, len(data))
    return frozenset(
        text(data, ENTRY_VALUE, *entry)
        for entry in list(entries)
        if text(data, ENTRY_KEY, *entry) == "location"
    )


def _operators(data: mmap.mmap) -> frozenset[str]:
    path = (MODEL_GRAPH, GRAPH_NODE, NODE_OPERATOR)
    return frozenset(data[start:end].decode() for start, end in nested(data, path, 0, len(data)))


def load_skeleton(file: Path) -> onnx.ModelProto:
    """Read a file without its large weights, which stay where they are.

    Returns
    -------
    onnx.ModelProto
        Weights of more than a few kilobytes are external data: located in this very file, or in the
        external one that holds them.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is not an ONNX model.
    """
    return read(file, lambda data: _skeleton(data, file.name))


def _skeleton(data: mmap.mmap, location: str) -> onnx.ModelProto:
    """Parse everything but large weights, for which only the location is kept."""
    from onnx import GraphProto, ModelProto, TensorProto

    model = ModelProto.FromString(without(data, MODEL_GRAPH, 0, len(data)))
    for place in places(data, MODEL_GRAPH, 0, len(data)):
        model.graph.MergeFrom(GraphProto.FromString(without(data, GRAPH_INITIALIZER, *place)))
        for start, end in places(data, GRAPH_INITIALIZER, *place):
            values = list(places(data, TENSOR_RAW_DATA, start, end))
            if end - start < LARGE or not values:
                model.graph.initializer.append(TensorProto.FromString(data[start:end]))
                continue
            tensor = TensorProto.FromString(without(data, TENSOR_RAW_DATA, start, end))
            if tensor.external_data:
                raise ValueError("a weight stored in two places")
            tensor.data_location = TensorProto.EXTERNAL
            ((first, last),) = values
            parts = {"location": location, "offset": str(first), "length": str(last - first)}
            for key, value in parts.items():
                tensor.external_data.add(key=key, value=value)
            model.graph.initializer.append(tensor)
    return model
