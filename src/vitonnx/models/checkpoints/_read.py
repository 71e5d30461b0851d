"""Read checkpoints of all formats and conventions into the one tree of parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._bounds import check_growth
from vitonnx.models.checkpoints._mismatch import check
from vitonnx.models.checkpoints._model import StoredModel, Tell, open_model
from vitonnx.models.checkpoints._stored_tensor import Tensor

__all__ = ["read_checkpoint"]

QKV_BIASES = ("*/attention/query/bias", "*/attention/key/bias", "*/attention/value/bias")


def read_checkpoint(
    files: Sequence[Path], config: ViTConfig, *, tell: Tell = lambda sentence: None
) -> dict[str, NDArray[np.float32]]:
    """Read a checkpoint, whatever its format and its names, and check it against a model.

    Parameters
    ----------
    files : sequence of Path
        Files of the checkpoint; several files, such as a backbone and its head, are combined.
    config : ViTConfig
        The model that it must fit.
    tell : callable
        Called with a sentence on the choice among several models in a file, and on ignored entries
        of training.

    Returns
    -------
    dict of str to float32 array
        Arrays with the names, order and shapes of `ViTConfig.parameters`, C-contiguous.

    Raises
    ------
    CheckpointError
        If a file can't be read, or belongs to another model: the message lists missing, unexpected
        and misshapen arrays by the checkpoint's own names.

    Notes
    -----
    A model is found by the names of its patch embedding, whatever wraps it. Nothing in a file is
    executed: see `vitonnx.models.checkpoints._torch_pickle`. The arrays are read one by one, so
    that little more than the result is held in memory.

    Examples
    --------
    >>> import tempfile
    >>> config = ViTConfig(image_size=(8, 8), patch_size=4, dim=6, heads=2, mlp_dim=10, blocks=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.npz")
    ...     np.savez(path, **{"embedding/kernel": np.zeros((4, 4, 3, 8))})
    ...     read_checkpoint([path], config)
    Traceback (most recent call last):
    vitonnx.errors.CheckpointError: model.npz is not a checkpoint of this model: it lacks ...
    """
    with open_model(files, tell) as model:
        return _convert(model.select(config, tell), model, config)


def _convert(
    tensors: Mapping[str, Tensor], model: StoredModel, config: ViTConfig
) -> dict[str, NDArray[np.float32]]:
    """Check every tensor, and turn them into parameters one after the other."""
    shapes = config.parameters()
    zeros = {name for name in shapes if not config.qkv_bias and _is_qkv_bias(name)}
    needed = {name: shape for name, shape in shapes.items() if name not in zeros}
    rules = [
        rule
        for rule in model.convention.rules(config, tensors)
        if all(target in needed for target in rule.targets)
    ]
    check(tensors, rules, needed, config, model.label)
    numbers = sum(math.prod(tensors[rule.source].shape) for rule in rules)
    check_growth(model.label, model.length, numbers * np.dtype(np.float32).itemsize)

    parameters = {name: np.zeros(shapes[name], np.float32) for name in zeros}
    for rule in rules:
        parts = rule.layout.split(tensors[rule.source].read())
        for target, part in zip(rule.targets, parts, strict=True):
            given = np.ascontiguousarray(part, np.float32)
            parameters[target] = parameters[target] + given if target in parameters else given
    return {name: parameters[name] for name in shapes}


def _is_qkv_bias(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in QKV_BIASES)
