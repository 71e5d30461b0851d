"""The accuracy that the authors of a model published."""

from __future__ import annotations

from dataclasses import dataclass, replace

from vitonnx.errors import UnknownModelError
from vitonnx.manifest import Manifest, Preprocessing
from vitonnx.models import ModelSpec, find_model

__all__ = ["Published", "published_knn", "published_top1"]

# DINO measured its neighbours by the recipe of its own evaluation, eval_knn.py, and not by the one
# that its models have in timm, and here.
OF_NEIGHBOURS = {"resize": 256, "crop": 0.875}


@dataclass(frozen=True)
class Published:
    """An accuracy on ImageNet-1k's validation set, as published.

    Parameters
    ----------
    value : float
        From 0 to 1.
    note : str or None
        How it was measured otherwise than here; None if it wasn't, as far as the recipe goes.
    """

    value: float
    note: str | None


def published_top1(manifest: Manifest) -> Published | None:
    """Give the published share of first answers that are right; None where none is known."""
    spec = _spec_of(manifest)
    if spec is None or spec.top1 is None:
        return None
    return Published(_share(spec.top1), _difference(spec.preprocessing, manifest))


def published_knn(manifest: Manifest) -> Published | None:
    """Give the published share of right votes of 20 neighbours; None where none is known."""
    spec = _spec_of(manifest)
    if spec is None or spec.knn is None:
        return None
    recipe = replace(spec.preprocessing, **OF_NEIGHBOURS)  # type: ignore[arg-type]
    return Published(_share(spec.knn), _difference(recipe, manifest))


def _spec_of(manifest: Manifest) -> ModelSpec | None:
    """Find a model in the registry; random weights have no published accuracy."""
    if manifest.untrained:
        return None
    try:
        return find_model(manifest.name)
    except UnknownModelError:
        return None


def _share(per_cent: str) -> float:
    return round(float(per_cent) / 100, 6)


def _difference(published: Preprocessing, manifest: Manifest) -> str | None:
    """Say what the recipe was, if it was another than this model's."""
    if manifest.preprocessing == published:
        return None
    return f"with another recipe: {_said(published)}, and here {_said(manifest.preprocessing)}"


def _said(recipe: Preprocessing) -> str:
    height, width = recipe.size
    scaled = "squashed" if recipe.resize is None else f"scaled to {recipe.resize}"
    how = "padded" if recipe.padding is not None else scaled
    return f"{height}x{width} of pictures {how} ({recipe.interpolation})"
