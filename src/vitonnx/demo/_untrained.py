"""The same network with random weights: what a saliency must be better than."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx.numpy_helper import from_array

from vitonnx.contract import PATCH_KERNEL
from vitonnx.demo._models import config_of
from vitonnx.models.train import initial_parameters

__all__ = ["write_untrained"]


def write_untrained(source: Path, target: Path, *, seed: int) -> None:
    """Write a copy of a file with the weights that its training could have begun with.

    Parameters
    ----------
    source : Path
        A model of `demo_models`.
    target : Path
        The copy; all else in it is as in the source.
    seed : int
        Of `initial_parameters`.
    """
    values = initial_parameters(config_of(source), seed)
    # TensorFlow holds (patch, patch, 3, dim), the file (dim, 3, patch, patch).
    values[PATCH_KERNEL] = values[PATCH_KERNEL].transpose(3, 2, 0, 1)
    model = onnx.load(str(source))
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, value in values.items():
        if tuple(tensors[name].dims) != value.shape:
            raise ValueError(f"{name} has the shape {tuple(tensors[name].dims)}, not {value.shape}")
        tensors[name].CopyFrom(from_array(value, name))
    onnx.save(model, str(target))
