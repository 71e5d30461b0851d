"""A ViT-S/16 to measure with: its graph is in the package, its weights are drawn when needed."""

from __future__ import annotations

import lzma
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from vitonnx.contract import PATCH_KERNEL
from vitonnx.demo._demo_models import FOLDER
from vitonnx.media import atomic_path
from vitonnx.models import find_model, random_parameters

if TYPE_CHECKING:
    import onnx

__all__ = ["UNTRAINED", "store_graph", "write_vit"]

UNTRAINED: Final = "ViT-S/16"
MODEL: Final = "dino_vits16"
GRAPH: Final = FOLDER / "vit_s16.onnx.xz"
SEED: Final = 0  # what `vitonnx export --weights random` takes


def write_vit(path: Path) -> None:
    """Write the model with random weights: the same bytes on every machine.

    They are those of ``vitonnx export dino_vits16 --weights random``, made without TensorFlow.

    Parameters
    ----------
    path : Path
        The file to write, of 87 MB.

    Raises
    ------
    UsageError, VitonnxError
        If it can't be written.
    """
    import onnx

    model = onnx.ModelProto.FromString(lzma.decompress(GRAPH.read_bytes()))
    parameters = random_parameters(find_model(MODEL).config, SEED)
    for tensor in _weights(model):
        values = parameters[tensor.name]
        if tensor.name == PATCH_KERNEL:  # ONNX has the sides last
            values = values.transpose(3, 2, 0, 1)
        tensor.raw_data = np.ascontiguousarray(values, "<f4").tobytes()
    with atomic_path(path) as passing:
        passing.write_bytes(model.SerializeToString(deterministic=True))


def store_graph(file: Path) -> None:
    """Take the weights out of an exported file, and keep its graph in the package.

    Parameters
    ----------
    file : Path
        What ``vitonnx export dino_vits16 --weights random`` wrote.
    """
    import onnx

    model = onnx.load(file)
    for tensor in _weights(model):
        tensor.ClearField("raw_data")
    graph = model.SerializeToString(deterministic=True)
    GRAPH.write_bytes(lzma.compress(graph, preset=9 | lzma.PRESET_EXTREME))


def _weights(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    names = find_model(MODEL).config.parameters()
    return [tensor for tensor in model.graph.initializer if tensor.name in names]
