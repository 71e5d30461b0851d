"""Read off a checkpoint what its head reads, and how many classes it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vitonnx.errors import CheckpointError
from vitonnx.models._config import ViTConfig
from vitonnx.models._spec import ModelSpec
from vitonnx.models.checkpoints._model import StoredModel, Tell, open_model
from vitonnx.models.checkpoints._rules import count_classes

__all__ = ["fit_readout"]


def fit_readout(
    spec: ModelSpec, files: Sequence[Path], *, tell: Tell = lambda sentence: None
) -> ModelSpec:
    """Give a published model the head of a checkpoint.

    Fine-tuning changes the number of classes, and often the input of the head: the class token, the
    mean patch with its norm after the pooling (timm's ``fc_norm``), or both side by side (DINO's
    and DINOv2's linear heads). The backbone stays the same.

    Parameters
    ----------
    spec : ModelSpec
        Model of the registry.
    files : sequence of Path
        The checkpoint.
    tell : callable
        Called with a sentence on the differences from the published model.

    Returns
    -------
    ModelSpec
        Spec without class names if their number differs.

    Raises
    ------
    CheckpointError
        If a file can't be read, or has a head that vitonnx has not.
    """
    with open_model(files, lambda sentence: None) as model:
        config = _fit(model, spec.config)
    if config == spec.config:
        return spec
    readout = {"mean": "the mean patch", "cls+mean": "class token and mean patch"}
    new = [f"a head of {config.classes} classes" if config.classes else "no head"]
    if config.pooling != spec.config.pooling and config.classes:
        new.append(f"on {readout.get(config.pooling, 'the class token')}")
    published = f"one of {spec.config.classes}" if spec.config.classes else "none"
    tell(f"{model.label} has {' '.join(new)}, where {spec.name} has {published}.")
    same = config.classes == spec.config.classes
    return replace(spec, config=config, classes=spec.classes if same else None)


def _fit(model: StoredModel, config: ViTConfig) -> ViTConfig:
    """Find the readout that fits the norm and head of the checkpoint."""
    unfit = ""
    headless = None
    for readout in _readouts(config):
        rules = {rule.targets: rule for rule in model.convention.rules(readout, model.tensors)}
        norm = model.tensors.get(rules[("norm/scale",)].source)
        if norm is None or norm.shape != (config.dim,):
            # Another readout's, or another model's.
            continue
        rule = rules[("head/kernel",)]
        if rule.source not in model.tensors:
            # A published linear head is what that name is for: its file was forgotten.
            if config.pooling != "cls+mean":
                headless = headless or replace(readout, classes=0)
            continue
        tensor = model.tensors[rule.source]
        if classes := count_classes(tensor.shape, rule, readout):
            return replace(readout, classes=classes)
        unfit = f"{rule.source} {tensor.shape}"
    if unfit:
        raise CheckpointError(
            f"{model.label} has a head that vitonnx doesn't support, {unfit}: heads read the "
            f"class token, the mean patch ({config.dim} numbers each) or both. Remove the head."
        )
    return headless or config


def _readouts(config: ViTConfig) -> Iterator[ViTConfig]:
    yield config
    if config.pooling == "cls":
        yield replace(config, pooling="mean", norm_after_pooling=True)
        yield replace(config, pooling="cls+mean")
