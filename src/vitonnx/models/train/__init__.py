"""Train a small Vision Transformer on a small dataset, with labels or without.

Importing this package imports nothing heavy; `train` needs TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitonnx.models.train._describe import describe_model
    from vitonnx.models.train._initial import initial_parameters
    from vitonnx.models.train._neighbours import nearest_neighbours
    from vitonnx.models.train._settings import Settings
    from vitonnx.models.train._train import BEST, train

__all__ = [
    "BEST",
    "Settings",
    "describe_model",
    "initial_parameters",
    "nearest_neighbours",
    "train",
]

_HOMES = {
    "BEST": "_train",
    "Settings": "_settings",
    "describe_model": "_describe",
    "initial_parameters": "_initial",
    "nearest_neighbours": "_neighbours",
    "train": "_train",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
