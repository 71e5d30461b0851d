"""timm's description of a model: the ``config.json`` of its hub repositories."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any, get_args

from vitonnx.errors import UsageError
from vitonnx.manifest import LARGEST_SIDE, Padding, PilFilter, Preprocessing, safe_name
from vitonnx.models._brief import brief
from vitonnx.models._config import MOST_REGISTERS, SIZES, Activation, Pooling, ViTConfig
from vitonnx.models._fields import Fields, is_label
from vitonnx.models._spec import ModelSpec

__all__ = ["from_timm", "picture_size", "read_class_names", "read_timm_recipe"]

ARCHITECTURE = re.compile(
    r"(?P<family>vit|deit)_(?P<size>tiny|small|base|large|huge)_(?P<distilled>distilled_)?"
    r"patch(?P<patch>\d+)_(?P<side>\d+)"
)

LONGEST_KEY = 100  # letters that are shown; all that timm has are shorter

POOLINGS: dict[str, Pooling] = {"token": "cls", "avg": "mean"}
ACTIVATIONS: dict[str, Activation] = {"gelu": "gelu", "gelu_tanh": "gelu_tanh"}
LICENCES = {"apache-2.0": "Apache-2.0", "mit": "MIT", "cc-by-nc-4.0": "CC-BY-NC-4.0"}

# timm's own, for files that leave them out.
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Arguments that shape the network, and that `ViTConfig` has words for.
UNDERSTOOD = {
    "act_layer",
    "class_token",
    "depth",
    "embed_dim",
    "fc_norm",
    "global_pool",
    "img_size",
    "init_values",
    "mlp_ratio",
    "no_embed_class",
    "num_classes",
    "num_heads",
    "patch_size",
    "qkv_bias",
    "reg_tokens",
}
# Arguments of training alone, or of other input sizes.
WITHOUT_EFFECT = {
    "attn_drop_rate",
    "drop_path_rate",
    "drop_rate",
    "dynamic_img_size",
    "fix_init",
    "patch_drop_rate",
    "pos_drop_rate",
    "proj_drop_rate",
    "strict_img_size",
    "weight_init",
}
# Arguments that we have no words for, with the values that ask for nothing unusual.
USUAL: dict[str, tuple[Any, ...]] = {
    "dynamic_img_pad": (False,),
    "embed_norm_layer": (None,),
    "final_norm": (True,),
    "in_chans": (3,),
    "norm_layer": (None, "layernorm"),
    "pool_include_prefix": (False,),
    "pos_embed": ("learn",),
    "pre_norm": (False,),
    "proj_bias": (True,),
    "qk_norm": (False,),
    "scale_attn_norm": (False,),
    "scale_mlp_norm": (False,),
}
# The same for DeiT's distilled models, whose readout and prefix tokens are fixed.
USUAL_DISTILLED: dict[str, tuple[Any, ...]] = {
    "class_token": (True,),
    "fc_norm": (None, False),
    "global_pool": ("token",),
    "no_embed_class": (False,),
    "reg_tokens": (0,),
}


def from_timm(fields: Fields) -> ModelSpec:
    """Read a model from timm's ``config.json``; refuse what vitonnx has not, by its name.

    References
    ----------
    Wightman, pytorch-image-models 1.0, ``_hub.py`` and ``vision_transformer.py``.
    """
    architecture = fields.text("architecture")
    match = ARCHITECTURE.fullmatch(architecture)
    if match is None:
        raise UsageError(
            f"{fields.path} has the architecture {architecture!r}, which vitonnx doesn't support: "
            "it supports vit_SIZE_patchP_N, deit_SIZE_patchP_N and deit_SIZE_distilled_patchP_N."
        )
    arguments = fields.inner("model_args")
    _refuse_unusual(arguments, distilled=bool(match["distilled"]))
    # timm's first files had all of it at the top.
    pretrained = fields.inner("pretrained_cfg") if "pretrained_cfg" in fields else fields
    tag = pretrained.text("tag", "")
    config = _config(match, arguments, fields, pretrained)
    return ModelSpec(
        name=safe_name(f"{architecture}.{tag}" if tag else architecture),
        family="dino" if tag == "dino" else match["family"],
        config=replace(config, position_interpolation="dino") if tag == "dino" else config,
        preprocessing=read_timm_recipe(pretrained, config.image_size),
        urls=(pretrained.text("url"),) if "url" in pretrained else (),
        licence=_licence(pretrained.text("license", "")),
        classes=read_class_names(fields if "label_names" in fields else pretrained, config.classes),
    )


def _refuse_unusual(arguments: Fields, *, distilled: bool) -> None:
    """Refuse the arguments that ask for what vitonnx has not, by name."""
    usual = USUAL | USUAL_DISTILLED if distilled else USUAL
    for key, value in arguments.values.items():
        plain = value in usual[key] if key in usual else key in UNDERSTOOD | WITHOUT_EFFECT
        if not plain:
            raise UsageError(
                f"{arguments.path} asks for {key[:LONGEST_KEY]}={brief(value)}, which vitonnx "
                "doesn't support: it supports timm's plain Vision Transformer and DeiT."
            )


def _config(
    architecture: re.Match[str], arguments: Fields, fields: Fields, pretrained: Fields
) -> ViTConfig:
    """Put together what the architecture's name implies and what the arguments change.

    As in timm, the size comes from the arguments, else from the recipe, else from the name.
    """
    size = SIZES[architecture["size"]]
    side = int(architecture["side"])
    dim = arguments.integer("embed_dim", size["dim"])
    classes = pretrained.integer("num_classes", 1000)
    pooling = POOLINGS[arguments.choice("global_pool", POOLINGS, "token")]
    prefix = tuple(
        f"reg{number}" for number in range(arguments.integer("reg_tokens", 0, most=MOST_REGISTERS))
    )
    if arguments.flag("class_token", True):
        prefix = ("cls", *prefix)
    if architecture["distilled"]:
        prefix, pooling = ("cls", "dist"), "cls+dist"
    return ViTConfig(
        image_size=arguments.size("img_size", picture_size(pretrained, (side, side))),
        patch_size=arguments.side("patch_size", int(architecture["patch"])),
        dim=dim,
        blocks=arguments.integer("depth", size["blocks"]),
        heads=arguments.integer("num_heads", size["heads"]),
        mlp_dim=int(dim * arguments.number("mlp_ratio", 4.0)),
        prefix_tokens=prefix,
        position_prefix=() if arguments.flag("no_embed_class", False) else prefix,
        position_interpolation="timm",
        pooling=pooling,
        norm_after_pooling=arguments.flag("fc_norm", pooling == "mean"),
        classes=arguments.integer("num_classes", fields.integer("num_classes", classes)),
        activation=ACTIVATIONS[arguments.choice("act_layer", ACTIVATIONS, "gelu")],
        layer_scale="init_values" in arguments,
        qkv_bias=arguments.flag("qkv_bias", True),
    )


def picture_size(pretrained: Fields, default: tuple[int, int]) -> tuple[int, int]:
    """Take height and width from timm's (channels, height, width)."""
    match pretrained.values.get("input_size"):
        case None:
            return default
        case [3, int(height), int(width)] if max(height, width) <= LARGEST_SIDE:
            if min(height, width) > 0:
                return height, width
    raise pretrained.error("input_size", f"[3, height, width], at most {LARGEST_SIDE:,}")


def read_timm_recipe(pretrained: Fields, size: tuple[int, int]) -> Preprocessing:
    """Read the recipe, as timm's evaluation follows it; refuse a step that vitonnx has not."""
    crop = pretrained.number("crop_pct", 0.875)
    mode = pretrained.choice("crop_mode", ("center", "squash", "border"), "center")
    if crop > 1:
        raise pretrained.error("crop_pct", "a share, at most 1")
    for key in pretrained.values:
        # A border that is cut off first is no option of any published model.
        if key.startswith("crop_") and key not in ("crop_pct", "crop_mode") and key in pretrained:
            raise UsageError(
                f"{pretrained.path} has {brief(key)}, which may change pixels in a way that "
                "vitonnx doesn't know: remove it, or give another recipe."
            )
    recipe = Preprocessing(
        resize=math.floor(min(size) / crop) if mode == "center" else None,
        size=size,
        crop=crop,
        interpolation=pretrained.choice("interpolation", get_args(PilFilter), "bicubic"),
        mean=pretrained.colour("mean", IMAGENET_MEAN),
        std=pretrained.colour("std", IMAGENET_STD, above_zero=True),
    )
    if mode != "border":
        return recipe
    return replace(recipe, padding=Padding(colour=recipe.mean_colour))


def read_class_names(fields: Fields, count: int) -> tuple[str, ...] | None:
    """Read the classes' descriptions, or their names, if the file has one for each class."""
    names = fields.values.get("label_names")
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not isinstance(names, list) or not all(map(is_label, names)):
        return None
    descriptions = fields.inner("label_descriptions")
    if len(names) != count:
        return None
    return tuple(descriptions.text(name, name) for name in names)


def _licence(text: str) -> str | None:
    """Spell a licence as SPDX does."""
    return LICENCES.get(text, text) or None
