"""Train a small Vision Transformer on a small dataset, with labels or without.

Importing this package imports nothing heavy; `train` needs TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitonnx.models._random import initial_parameters
    from vitonnx.models.train._loop import BEST, train
    from vitonnx.models.train._neighbours import nearest_neighbours
    from vitonnx.models.train._training_settings import Settings, describe_model

__all__ = [
    "BEST",
    "Settings",
    "describe_model",
    "initial_parameters",
    "nearest_neighbours",
    "train",
]

_HOMES = {
    "BEST": "._loop",
    "Settings": "._training_settings",
    "describe_model": "._training_settings",
    "initial_parameters": ".._random",
    "nearest_neighbours": "._neighbours",
    "train": "._loop",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)
