"""Hugging Face's recipe from picture to input: ``preprocessor_config.json``."""

from __future__ import annotations

import math
from typing import Any, TypedDict

from vitonnx.manifest import PilFilter, Preprocessing
from vitonnx.models._fields import Fields

__all__ = ["read_recipe"]

# Pillow's numbers.
FILTERS: dict[int, PilFilter] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}

DEIT_CROP = 0.875


def read_recipe(
    fields: Fields, family: str, size: tuple[int, int], *, own: bool = False
) -> Preprocessing:
    """Read a recipe; what it doesn't say is as the family has it.

    Parameters
    ----------
    fields : Fields
        Of ``preprocessor_config.json``; empty where there is none.
    family : "vit" or "deit"
        A ViT's pictures are squashed, bilinear, mean and deviation 0.5, as transformers has it by
        default. A DeiT's have their authors' recipe: transformers' default mean contradicts the
        files of all published models.
    size : (height, width)
        Of the model's input.
    own : bool
        Keep the size that the recipe itself gives, if it gives one.

    Returns
    -------
    Preprocessing

    Raises
    ------
    UsageError
        If the recipe leaves out a step that the model needs, or has one that vitonnx hasn't.

    Notes
    -----
    Where pictures are squashed to a square and then cropped, as transformers does for DeiT, we
    keep their aspect, as DeiT's authors do.
    """
    fields = Fields(_defaults(family, size) | fields.values, fields.path)
    for step in ("do_resize", "do_rescale"):
        if not fields.flag(step, True):
            raise fields.error(step, "true: vitonnx takes pictures of any size, in 8 bits")
    if abs(fields.number("rescale_factor", 1 / 255) * 255 - 1) > 1e-6:
        raise fields.error("rescale_factor", "1/255: vitonnx takes pictures in 8 bits")
    normalised = fields.flag("do_normalize", True)
    recipe = Preprocessing(
        **_geometry(fields),
        interpolation=_filter(fields),
        mean=fields.colour("image_mean") if normalised else (0.0, 0.0, 0.0),
        std=fields.colour("image_std", above_zero=True) if normalised else (1.0, 1.0, 1.0),
    )
    return recipe if own else recipe.at(size)


def _defaults(family: str, size: tuple[int, int]) -> dict[str, Any]:
    if family == "vit":
        return {
            "size": {"height": size[0], "width": size[1]},
            "resample": 2,
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
        }
    return {
        "size": {"shortest_edge": math.floor(min(size) / DEIT_CROP)},
        "do_center_crop": True,
        "crop_size": {"height": size[0], "width": size[1]},
        "resample": 3,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
    }


class Geometry(TypedDict):
    """Those fields of a recipe that say where the pixels go."""

    resize: int | None
    size: tuple[int, int]
    crop: float


def _geometry(fields: Fields) -> Geometry:
    """Read how a picture is scaled and cut."""
    scaled, keeps_aspect = _scaled(fields)
    if not fields.flag("do_center_crop", False):
        return {"resize": min(scaled) if keeps_aspect else None, "size": scaled, "crop": 1.0}
    crop = _box(fields, "crop_size")
    if scaled[0] != scaled[1] or max(crop) > scaled[0]:
        raise fields.error("crop_size", "no larger than the size, and that a square")
    return {"resize": scaled[0], "size": crop, "crop": min(crop) / scaled[0]}


def _scaled(fields: Fields) -> tuple[tuple[int, int], bool]:
    """Read what a picture is scaled to, and whether that is its shorter side alone."""
    match fields.values.get("size"):
        case {"shortest_edge": int(edge)} if edge > 0:
            return (edge, edge), True
    return _box(fields, "size"), False


def _box(fields: Fields, key: str) -> tuple[int, int]:
    match fields.values.get(key):
        case {"height": int(height), "width": int(width)} if height > 0 and width > 0:
            return height, width
        case int(side) if side > 0:
            return side, side
    raise fields.error(key, "a number of pixels, or height and width")


def _filter(fields: Fields) -> PilFilter:
    number = fields.integer("resample")
    if number not in FILTERS:
        known = ", ".join(f"{number} ({name})" for number, name in FILTERS.items())
        raise fields.error("resample", f"one of {known}")
    return FILTERS[number]
