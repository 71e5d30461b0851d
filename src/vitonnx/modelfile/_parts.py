"""Read single parts of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import ModelFileError
from vitonnx.manifest import BAKED_KEY, METADATA_KEY
from vitonnx.modelfile._model_file import read
from vitonnx.modelfile._outline import GRAPH_INITIALIZER, MODEL_GRAPH, TENSOR_NAME, load_metadata
from vitonnx.modelfile._places import place_of
from vitonnx.modelfile._wire import places, text

if TYPE_CHECKING:
    import mmap

    import onnx

__all__ = ["is_ours", "load_weights"]


def load_weights(file: Path, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    """Read some initializers of a file, and nothing else of it.

    Parameters
    ----------
    file : path
        ONNX file; external weights are read from the file beside it.
    names : sequence of str
        Names of initializers.

    Returns
    -------
    dict of str to array
        Arrays in the order of the names.

    Raises
    ------
    ModelFileError
        If the file can't be read, is not an ONNX model, or lacks a weight.
    """
    tensors = read(file, lambda data: _initializers(data, names))
    for name in names:
        if name not in tensors:
            raise ModelFileError(
                f"{file} has no weight {name!r}: some tapped models have none; export any other "
                "again with `vitonnx export`."
            )
    return {name: _to_array(tensors[name], file) for name in names}


def is_ours(file: Path) -> bool:
    """Whether vitonnx wrote a file: a probe-ready one, or one with probes compiled into it.

    Raises
    ------
    ModelFileError
        If the file can't be read, or is not an ONNX model.
    """
    return not {METADATA_KEY, BAKED_KEY}.isdisjoint(load_metadata(file))


def _initializers(data: mmap.mmap, names: Sequence[str]) -> dict[str, onnx.TensorProto]:
    from onnx import TensorProto

    return {
        name: TensorProto.FromString(data[start:end])
        for graph in places(data, MODEL_GRAPH, 0, len(data))
        for start, end in places(data, GRAPH_INITIALIZER, *graph)
        if (name := text(data, TENSOR_NAME, start, end)) in names
    }


def _to_array(tensor: onnx.TensorProto, file: Path) -> NDArray[np.generic]:
    """Read the values of a tensor, from the model's file or an external one."""
    if tensor.data_location == tensor.EXTERNAL:
        import onnx_ir as ir

        from vitonnx.modelfile._graph import found_weight

        found = ir.from_proto(found_weight(tensor, place_of(tensor, file)))
        return np.asarray(found.numpy())
    from onnx import numpy_helper

    try:
        array: NDArray[np.generic] = numpy_helper.to_array(tensor)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(
            f"can't read the weight {tensor.name!r} in {file}: it is damaged. Export or copy the "
            "model again."
        ) from error
    return array
