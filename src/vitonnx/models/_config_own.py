"""Our own description of a model: the fields of `ViTConfig`, a name and a recipe, as JSON."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import fields as dataclass_fields
from typing import Any, get_args

from vitonnx.errors import UsageError
from vitonnx.manifest import Padding, PilFilter, Preprocessing
from vitonnx.models._brief import brief
from vitonnx.models._config import Activation, Pooling, ViTConfig
from vitonnx.models._fields import Fields
from vitonnx.models._spec import ModelSpec
from vitonnx.positions import Interpolation

__all__ = ["from_own_fields", "to_own_fields"]

KEYS = {entry.name for entry in dataclass_fields(ViTConfig)} | {
    "name",
    "family",
    "preprocessing",
    "licence",
}
RECIPE_KEYS = {entry.name for entry in dataclass_fields(Preprocessing)}


def from_own_fields(fields: Fields) -> ModelSpec:
    """Read a model from our own fields; refuse one that is missing, unknown, or can't be.

    ``name``, ``patch_size``, ``dim``, ``blocks``, ``heads``, ``classes`` (a number, or the names)
    and ``preprocessing`` (with ``mean`` and ``std``) must be there; the other fields of `ViTConfig`
    and `Preprocessing` may be.
    """
    fields.refuse_others(KEYS)
    prefix = fields.texts("prefix_tokens", ("cls",))
    dim = fields.integer("dim")
    named = isinstance(fields.values.get("classes"), list)
    classes = fields.texts("classes") if named else None
    config = ViTConfig(
        image_size=fields.size("image_size", (224, 224)),
        patch_size=fields.integer("patch_size"),
        dim=dim,
        blocks=fields.integer("blocks"),
        heads=fields.integer("heads"),
        mlp_dim=fields.integer("mlp_dim", 4 * dim),
        prefix_tokens=prefix,
        position=fields.choice("position", ("learned", "sincos"), "learned"),
        position_prefix=fields.texts("position_prefix", prefix),
        position_interpolation=fields.choice(
            "position_interpolation", get_args(Interpolation), "timm"
        ),
        pooling=fields.choice("pooling", get_args(Pooling), "cls" if "cls" in prefix else "mean"),
        norm_after_pooling=fields.flag("norm_after_pooling", False),
        classes=fields.integer("classes") if classes is None else len(classes),
        activation=fields.choice("activation", get_args(Activation), "gelu"),
        epsilon=fields.number("epsilon", 1e-6),
        layer_scale=fields.flag("layer_scale", False),
        qkv_bias=fields.flag("qkv_bias", True),
    )
    return ModelSpec(
        name=_name(fields),
        family=fields.text("family", "vit"),
        config=config,
        preprocessing=_recipe(fields.inner("preprocessing"), config.image_size),
        licence=fields.text("licence") if "licence" in fields else None,
        classes=classes,
    )


def to_own_fields(spec: ModelSpec) -> dict[str, Any]:
    """Write a model as the fields that `from_own_fields` reads."""
    described = {
        "name": spec.name,
        "family": spec.family,
        **asdict(spec.config),
        "preprocessing": spec.preprocessing.to_fields(),
    }
    if spec.licence is not None:
        described["licence"] = spec.licence
    if spec.classes is not None:
        described["classes"] = spec.classes
    return described


def _name(fields: Fields) -> str:
    """Read the name, which is the default name of a file."""
    name = fields.text("name")
    if not name.isprintable() or {"/", "\\"} & {*name} or name.startswith("."):
        raise fields.error("name", "a text that can be a file name, without / and \\")
    return name


def _recipe(fields: Fields, size: tuple[int, int]) -> Preprocessing:
    """Read the recipe; without ``resize``, the picture is scaled to cover ``size / crop``."""
    fields.refuse_others(RECIPE_KEYS)
    if fields.size("size", size) != size:
        raise UsageError(
            f"{fields.path} has {brief(fields.values['size'])} as 'preprocessing.size', which "
            f"differs from its image_size {list(size)}: omit it, and give --size for another size."
        )
    crop = fields.number("crop", 1.0)
    if crop > 1:
        raise fields.error("crop", "a share of the picture, at most 1")
    padding = _padding(fields.inner("padding")) if "padding" in fields else None
    squashed = fields.values.get("resize", crop) is None or padding is not None
    return Preprocessing(
        resize=None if squashed else fields.integer("resize", int(min(size) / crop)),
        size=size,
        crop=crop,
        interpolation=fields.choice("interpolation", get_args(PilFilter), "bicubic"),
        mean=fields.colour("mean"),
        std=fields.colour("std", above_zero=True),
        padding=padding,
        multiple=fields.integer("multiple") if "multiple" in fields else None,
        rounding=fields.choice("rounding", ("even", "down"), "even"),
        channel_order=fields.choice("channel_order", ("rgb", "bgr"), "rgb"),
    )


def _padding(fields: Fields) -> Padding:
    fields.refuse_others({entry.name for entry in dataclass_fields(Padding)})
    red, green, blue = (int(part) for part in fields.colour("colour"))
    return Padding(
        colour=(red, green, blue),
        place=fields.choice("place", ("centre", "end"), "centre"),
        before=fields.flag("before", False),
    )
