"""A model as the registry or a config file describes it: architecture, recipe, published facts."""

from __future__ import annotations

from dataclasses import dataclass

from vitonnx.manifest import Preprocessing
from vitonnx.models._config import ViTConfig

__all__ = ["ModelSpec"]


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """Everything about a model but its weights.

    Parameters
    ----------
    name, family : str
        timm's name where timm has the model, and ``vit``, ``deit`` or ``dino``.
    config : ViTConfig
        Architecture and numerics.
    preprocessing : Preprocessing
        The published recipe from a picture to the input.
    aliases : tuple of str
        Other names of the same weights in the same numerics.
    repository, file, revision : str or None
        Location of the weights on a model hub, and the commit, if not the newest.
    urls : tuple of str
        URLs of the authors' original file or files (a backbone and its head).
    licence : str or None
        SPDX identifier of the weights' licence.
    top1 : str or None
        Published ImageNet-1k accuracy in per cent, as published.
    knn : str or None
        Published ImageNet-1k accuracy of the 20 nearest neighbours' votes, likewise.
    classes : tuple of str or None
        Names of the logits, where known.
    """

    name: str
    family: str
    config: ViTConfig
    preprocessing: Preprocessing
    aliases: tuple[str, ...] = ()
    repository: str | None = None
    file: str | None = None
    revision: str | None = None
    urls: tuple[str, ...] = ()
    licence: str | None = None
    top1: str | None = None
    knn: str | None = None
    classes: tuple[str, ...] | None = None
