"""Vision Transformers in TensorFlow, their registry, and readers for their checkpoints.

Importing this package imports nothing heavy: each name is loaded on first use, and only
`VisionTransformer` needs TensorFlow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitonnx.models._config import ViTConfig
    from vitonnx.models._config_file import read_config_file, write_config_file
    from vitonnx.models._download import fetch
    from vitonnx.models._imagenet import Synset, imagenet_synsets
    from vitonnx.models._random import random_parameters
    from vitonnx.models._recipe_file import Description, read_description
    from vitonnx.models._registry import find_model, registry
    from vitonnx.models._spec import ModelSpec
    from vitonnx.models._vit import VisionTransformer, ViTOutputs
    from vitonnx.models.checkpoints import fit_readout, read_checkpoint

__all__ = [
    "Description",
    "ModelSpec",
    "Synset",
    "ViTConfig",
    "ViTOutputs",
    "VisionTransformer",
    "fetch",
    "find_model",
    "fit_readout",
    "imagenet_synsets",
    "random_parameters",
    "read_checkpoint",
    "read_config_file",
    "read_description",
    "registry",
    "write_config_file",
]

_HOMES = {
    "Description": "_recipe_file",
    "ModelSpec": "_spec",
    "Synset": "_imagenet",
    "ViTConfig": "_config",
    "ViTOutputs": "_vit",
    "VisionTransformer": "_vit",
    "fetch": "_download",
    "find_model": "_registry",
    "fit_readout": "checkpoints",
    "imagenet_synsets": "_imagenet",
    "random_parameters": "_random",
    "read_checkpoint": "checkpoints",
    "read_config_file": "_config_file",
    "read_description": "_recipe_file",
    "registry": "_registry",
    "write_config_file": "_config_file",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
