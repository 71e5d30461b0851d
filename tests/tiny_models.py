"""Models small enough for a test, with sizes that are unequal and mostly prime."""

from __future__ import annotations

from dataclasses import replace

from vitonnx.manifest import Preprocessing
from vitonnx.models import ModelSpec, ViTConfig, imagenet_synsets

RECIPE = Preprocessing(
    resize=44,
    size=(40, 56),
    crop=0.9,
    interpolation="bicubic",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)

BASE = ViTConfig(
    image_size=RECIPE.size,
    patch_size=8,
    dim=21,
    blocks=2,
    heads=3,
    mlp_dim=34,
    classes=11,
)
REGISTERS = ("cls", "reg0", "reg1", "reg2", "reg3")

DESCRIBED = {
    "name": "tiny",
    "image_size": [40, 56],
    "patch_size": 8,
    "dim": 21,
    "blocks": 2,
    "heads": 3,
    "mlp_dim": 42,
    "classes": 11,
    "preprocessing": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "crop": 0.9},
}
"""A tiny model in fields of our own, as a config file holds them."""

# 0, 1, 2 and 5 prefix tokens, with and without positions, and every way of reading out.
CONFIGS = {
    "plain": BASE,
    "headless": replace(BASE, classes=0, position_interpolation="dino"),
    "distilled": replace(
        BASE,
        prefix_tokens=("cls", "dist"),
        position_prefix=("cls", "dist"),
        pooling="cls+dist",
    ),
    "registers": replace(BASE, prefix_tokens=REGISTERS, position_prefix=REGISTERS),
    "registers_unplaced": replace(
        BASE,
        prefix_tokens=REGISTERS,
        position_prefix=(),
        layer_scale=True,
        position_interpolation="huggingface",
    ),
    "class_placed": replace(BASE, prefix_tokens=REGISTERS, position_prefix=("cls",)),
    "pooled": replace(
        BASE,
        prefix_tokens=(),
        position_prefix=(),
        pooling="mean",
        norm_after_pooling=True,
        activation="gelu_tanh",
        position_interpolation="jax",
    ),
    "dino_linear": replace(BASE, pooling="cls+mean"),
    "sincos": replace(BASE, dim=24, position="sincos"),
}


def spec(kind: str = "plain") -> ModelSpec:
    """Describe one of the tiny models."""
    return ModelSpec(
        name=f"tiny_{kind}",
        family="vit",
        config=CONFIGS[kind],
        preprocessing=RECIPE,
        classes=tuple(f"class {index}" for index in range(CONFIGS[kind].classes)) or None,
    )


def imagenet_spec() -> ModelSpec:
    """Describe the plain one with ImageNet's classes."""
    return replace(
        spec("plain"),
        name="tiny_imagenet",
        config=replace(BASE, classes=1000),
        classes=tuple(synset.names[0] for synset in imagenet_synsets()),
    )
