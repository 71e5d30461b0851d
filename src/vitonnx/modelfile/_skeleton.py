"""A file without its large weights, which stay where they are."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.modelfile._file import read
from vitonnx.modelfile._numbers import GRAPH_INITIALIZER, MODEL_GRAPH, TENSOR_RAW_DATA
from vitonnx.modelfile._wire import places, without

if TYPE_CHECKING:
    import onnx

__all__ = ["load_skeleton"]

# Smaller tensors are read: shapes and bounds that graph passes look at.
LARGE = 4096


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
