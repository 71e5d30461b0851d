"""Read checkpoints of all formats and conventions into the one tree of parameters."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import CheckpointError
from vitonnx.models._config import ViTConfig
from vitonnx.models.checkpoints._google import GOOGLE
from vitonnx.models.checkpoints._huggingface import HUGGINGFACE
from vitonnx.models.checkpoints._mismatch import check, some
from vitonnx.models.checkpoints._open import open_checkpoint
from vitonnx.models.checkpoints._own import OWN
from vitonnx.models.checkpoints._rules import Convention
from vitonnx.models.checkpoints._tensor import Tensor
from vitonnx.models.checkpoints._timm import TIMM

__all__ = ["read_checkpoint"]

CONVENTIONS = (TIMM, HUGGINGFACE, GOOGLE, OWN)
QKV_BIASES = ("*/attention/query/bias", "*/attention/key/bias", "*/attention/value/bias")


def read_checkpoint(files: Sequence[Path], config: ViTConfig) -> dict[str, NDArray[np.float32]]:
    """Read a checkpoint, whatever its format and its names, and check it against a model.

    Parameters
    ----------
    files : sequence of Path
        The checkpoint; several files, such as a backbone and its head, are taken together.
    config : ViTConfig
        The model that it must fit.

    Returns
    -------
    dict of str to float32 array
        With the names, the order and the shapes of `ViTConfig.parameters`; C-contiguous.

    Raises
    ------
    CheckpointError
        If a file can't be read, or isn't of this model: the message names what is missing,
        unexpected and misshapen, as the checkpoint calls it.

    Notes
    -----
    Nothing in a file is executed: see `vitonnx.models.checkpoints._torch_pickle`. The arrays are
    read one by one, so that little more than the result is held in memory.

    Examples
    --------
    >>> import tempfile
    >>> config = ViTConfig(image_size=(8, 8), patch_size=4, dim=6, heads=2, mlp_dim=10, blocks=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "model.npz")
    ...     np.savez(path, **{"embedding/kernel": np.zeros((4, 4, 3, 8))})
    ...     read_checkpoint([path], config)
    Traceback (most recent call last):
    vitonnx.errors.CheckpointError: model.npz is no checkpoint of this model: it lacks ...
    """
    label = " with ".join(file.name for file in files)
    with ExitStack() as stack:
        tensors: dict[str, Tensor] = {}
        for file in files:
            opened = stack.enter_context(open_checkpoint(file))
            if twice := sorted(tensors.keys() & opened.keys()):
                raise CheckpointError(
                    f"{label} both hold {some(twice)}: give files that complete each other."
                )
            tensors |= opened
        convention = _recognise(tensors, label)
        return _convert(_select(tensors, convention, config, label), convention, config, label)


def _recognise(names: Collection[str], label: str) -> Convention:
    """Tell whose names these are."""
    for convention in CONVENTIONS:
        if convention.marker in convention.strip(names).values():
            return convention
    known = ", ".join(f"{convention.marker} ({convention.name})" for convention in CONVENTIONS)
    raise CheckpointError(
        f"{label} holds no Vision Transformer by names that vitonnx knows: it has "
        f"{some(sorted(names)) or 'nothing'}, but none of {known}."
    )


def _select(
    tensors: Mapping[str, Tensor], convention: Convention, config: ViTConfig, label: str
) -> dict[str, Tensor]:
    """Name the tensors without prefixes; leave out what isn't needed, refuse what isn't known."""
    unused = convention.unused + (() if config.classes else convention.unused_without_head)
    selected: dict[str, Tensor] = {}
    originals: dict[str, str] = {}
    for name, short in convention.strip(tensors).items():
        if short in originals:
            raise CheckpointError(
                f"{label} holds several models, with {originals[short]} and {name}: save the "
                "state_dict of one of them, and give that file."
            )
        originals[short] = name
        if not _matches(short, unused):
            selected[short] = tensors[name]
    for pattern, part in convention.refused.items():
        if any(fnmatchcase(name, pattern) for name in selected):
            raise CheckpointError(
                f"{label} is of a model with {part} ({pattern}), which vitonnx does not have: "
                "give the checkpoint of a plain ViT."
            )
    return selected


def _convert(
    tensors: Mapping[str, Tensor], convention: Convention, config: ViTConfig, label: str
) -> dict[str, NDArray[np.float32]]:
    """Check every tensor, and turn them into parameters one after the other."""
    shapes = config.parameters()
    zeros = {name for name in shapes if not config.qkv_bias and _matches(name, QKV_BIASES)}
    needed = {name: shape for name, shape in shapes.items() if name not in zeros}
    rules = [
        rule
        for rule in convention.rules(config, tensors)
        if all(target in needed for target in rule.targets)
    ]
    check(tensors, rules, needed, config, label)

    parameters = {name: np.zeros(shapes[name], np.float32) for name in zeros}
    for rule in rules:
        parts = rule.layout.split(tensors[rule.source].read())
        for target, part in zip(rule.targets, parts, strict=True):
            parameters[target] = np.ascontiguousarray(part, np.float32)
    return {name: parameters[name] for name in shapes}


def _matches(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
