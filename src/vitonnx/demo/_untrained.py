"""The same network with random weights: what a saliency must be better than."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir

from vitonnx.contract import PATCH_KERNEL
from vitonnx.demo._models import config_of
from vitonnx.modelfile import open_graph, save_graph
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
        Seed of `initial_parameters`.
    """
    values = initial_parameters(config_of(source), seed)
    # TensorFlow holds (patch, patch, 3, dim), the file (dim, 3, patch, patch).
    values[PATCH_KERNEL] = values[PATCH_KERNEL].transpose(3, 2, 0, 1)
    model = open_graph(source)
    for name, value in values.items():
        weight = model.graph.initializers[name]
        if weight.shape != value.shape:
            raise ValueError(f"{name} has the shape {weight.shape}, not {value.shape}")
        weight.const_value = ir.tensor(value, name=name)
    save_graph(model, target)
