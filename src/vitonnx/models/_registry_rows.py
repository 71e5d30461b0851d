"""The models that vitonnx knows by name, and their published facts.

Names, recipes, licences and hub repositories are those of timm 1.0 (its ``pretrained_cfg``);
accuracies are as published, each for the row's own numerics.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from vitonnx.manifest import Preprocessing
from vitonnx.models._config import SIZES, ViTConfig
from vitonnx.models._imagenet import imagenet_classes
from vitonnx.models._spec import ModelSpec

__all__ = ["rows"]

LICENCE = "Apache-2.0"

AUGREG = "https://storage.googleapis.com/vit_models/augreg"
DEIT = "https://dl.fbaipublicfiles.com/deit"
DINO = "https://dl.fbaipublicfiles.com/dino"
DINOV2 = "https://dl.fbaipublicfiles.com/dinov2"
MAE = "https://dl.fbaipublicfiles.com/mae/pretrain"

HALF = (0.5, 0.5, 0.5)
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def rows() -> Iterator[ModelSpec]:
    """Return all rows: original ViT, the same in the JAX original's numerics, DeiT, DINO, MAE."""
    originals = list(_originals())
    yield from originals
    yield from map(_in_jax_numerics, originals)
    yield from _deits()
    yield from _dinos()
    yield from _dinov2s()
    yield from _maes()


def _originals() -> Iterator[ModelSpec]:
    """Dosovitskiy et al. 2021, arXiv:2010.11929; weights of Steiner et al. 2021, 2106.10270."""
    yield _original(
        "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
        "Ti_16-i21k-300ep-lr_0.001-aug_none-wd_0.03-do_0.0-sd_0.0"
        "--imagenet2012-steps_20k-lr_0.03-res_224.npz",
        aliases=("vit_tiny_patch16_224", "vit_ti16_in21k"),
        top1="75.452",
    )
    yield _original(
        "vit_small_patch16_224.augreg_in21k_ft_in1k",
        "S_16-i21k-300ep-lr_0.001-aug_light1-wd_0.03-do_0.0-sd_0.0"
        "--imagenet2012-steps_20k-lr_0.03-res_224.npz",
        aliases=("vit_small_patch16_224", "vit_s16_in21k"),
        top1="81.402",
    )
    yield _original(
        "vit_base_patch16_224.augreg_in21k_ft_in1k",
        "B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0"
        "--imagenet2012-steps_20k-lr_0.01-res_224.npz",
        aliases=("vit_b16_in21k",),
        top1="84.534",
    )
    # The B/16 of probing-vits, chosen by its accuracy in Google's index. timm has not this file,
    # but the one above, so this row's name is ours.
    medium2 = _original(
        "vit_base_patch16_224.augreg_medium2_in21k_ft_in1k",
        "B_16-i21k-300ep-lr_0.001-aug_medium2-wd_0.03-do_0.0-sd_0.0"
        "--imagenet2012-steps_20k-lr_0.03-res_224.npz",
        aliases=("vit_base_i21k_patch16_224", "vit_b16_medium2_in21k"),
        top1="84.017",
    )
    yield replace(medium2, repository=None, file=None)
    yield _original(
        "vit_base_patch16_384.augreg_in21k_ft_in1k",
        "B_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.0-sd_0.0"
        "--imagenet2012-steps_20k-lr_0.01-res_384.npz",
        aliases=("vit_base_patch16_384", "vit_b16_384_in21k"),
        top1="86.010",
        side=384,
    )
    yield _original(
        "vit_large_patch16_224.augreg_in21k_ft_in1k",
        "L_16-i21k-300ep-lr_0.001-aug_medium1-wd_0.1-do_0.1-sd_0.1"
        "--imagenet2012-steps_20k-lr_0.01-res_224.npz",
        aliases=("vit_large_patch16_224", "vit_l16_in21k"),
        top1="85.856",
    )
    yield _original(
        "vit_small_patch16_224.augreg_in1k",
        "S_16-i1k-300ep-lr_0.001-aug_medium2-wd_0.1-do_0.0-sd_0.0"
        "--imagenet2012-steps_20k-lr_0.01-res_224.npz",
        aliases=("vit_s16_in1k",),
    )
    yield _original(
        "vit_base_patch16_224.augreg_in1k",
        "B_16-i1k-300ep-lr_0.001-aug_strong2-wd_0.1-do_0.1-sd_0.1"
        "--imagenet2012-steps_20k-lr_0.01-res_224.npz",
        aliases=("vit_base_i1k_patch16_224", "vit_b16_in1k"),
        top1="79.154",
    )
    yield _original(
        "vit_base_patch16_384.augreg_in1k",
        "B_16-i1k-300ep-lr_0.001-aug_strong2-wd_0.1-do_0.1-sd_0.1"
        "--imagenet2012-steps_20k-lr_0.01-res_384.npz",
        aliases=("vit_b16_384_in1k",),
        side=384,
    )


def _original(
    name: str, file: str, *, aliases: tuple[str, ...], top1: str | None = None, side: int = 224
) -> ModelSpec:
    config = ViTConfig(image_size=(side, side), **SIZES[name.split("_")[1]])
    row = _row(name, aliases, "vit", config, f"{AUGREG}/{file}", top1=top1)
    return replace(row, preprocessing=replace(row.preprocessing, mean=HALF, std=HALF))


def _in_jax_numerics(spec: ModelSpec) -> ModelSpec:
    """Turn a row into that of Google's own file, computed as Google's own code does.

    The original squashes pictures with a bilinear filter that isn't antialiased, which is the one
    thing that a recipe can't express (vit_jax, ``input_pipeline.py``). No accuracy is published for
    these numerics.
    """
    return replace(
        spec,
        name=f"{spec.name}.jax",
        aliases=(f"{spec.aliases[-1]}_jax",),
        config=replace(spec.config, activation="gelu_tanh", position_interpolation="jax"),
        preprocessing=replace(spec.preprocessing, resize=None, crop=1.0, interpolation="bilinear"),
        repository=None,
        file=None,
        top1=None,
    )


def _deits() -> Iterator[ModelSpec]:
    """Touvron et al. 2021, arXiv:2012.12877."""
    for size, digest, top1 in (
        ("tiny", "a1311bcf", "72.190"),
        ("small", "cd65a155", "79.856"),
        ("base", "b5f2ef4d", "81.980"),
    ):
        yield _deit(f"deit_{size}_patch16_224", f"deit_{size[0]}16", digest, top1)
    yield _deit("deit_base_patch16_384", "deit_b16_384", "8de9b5d1", "83.108", side=384)
    for size, digest, top1 in (
        ("tiny", "b40b3cf7", "74.538"),
        ("small", "649709d9", "81.204"),
        ("base", "df68dfff", "83.384"),
    ):
        name = f"deit_{size}_distilled_patch16_224"
        yield _distilled(_deit(name, f"deit_{size[0]}16_distilled", digest, top1))
    name = "deit_base_distilled_patch16_384"
    yield _distilled(_deit(name, "deit_b16_384_distilled", "d0272ac0", "85.438", side=384))


def _deit(name: str, short: str, digest: str, top1: str, *, side: int = 224) -> ModelSpec:
    config = ViTConfig(image_size=(side, side), **SIZES[name.split("_")[1]])
    url = f"{DEIT}/{name}-{digest}.pth"
    return _row(f"{name}.fb_in1k", (name, short), "deit", config, url, top1=top1)


def _distilled(spec: ModelSpec) -> ModelSpec:
    prefix = ("cls", "dist")
    config = replace(spec.config, prefix_tokens=prefix, position_prefix=prefix, pooling="cls+dist")
    return replace(spec, config=config)


def _dinos() -> Iterator[ModelSpec]:
    """Caron et al. 2021, arXiv:2104.14294: k-NN of table 2, with 20 neighbours."""
    yield _dino("small", 16, "dino_vits16", "dino_deitsmall16_pretrain", "74.5")
    yield _dino("small", 8, "dino_vits8", "dino_deitsmall8_pretrain", "78.3")
    base = _dino("base", 16, "dino_vitb16", "dino_vitbase16_pretrain", "76.1")
    yield base
    yield _dino("base", 8, "dino_vitb8", "dino_vitbase8_pretrain", "77.4")
    # With the recipe of DINO's own evaluation, which its linear head was trained and measured by.
    yield replace(
        base,
        name="vit_base_patch16_224.dino_linear",
        aliases=("dino_base_patch16_224", "dino_vitb16_linear"),
        config=replace(base.config, pooling="cls+mean", classes=1000),
        preprocessing=replace(base.preprocessing, resize=256, crop=0.875),
        repository=None,
        file=None,
        urls=(*base.urls, f"{DINO}/dino_vitbase16_pretrain/dino_vitbase16_linearweights.pth"),
        top1="78.2",
        knn=None,
        classes=imagenet_classes(),
    )


def _dino(
    size: Literal["small", "base"], patch: int, alias: str, folder: str, knn: str
) -> ModelSpec:
    config = ViTConfig(patch_size=patch, classes=0, position_interpolation="dino", **SIZES[size])
    name, url = f"vit_{size}_patch{patch}_224.dino", f"{DINO}/{folder}/{folder}.pth"
    return replace(_row(name, (alias,), "dino", config, url), knn=knn)


def _dinov2s() -> Iterator[ModelSpec]:
    """Oquab et al. 2024, arXiv:2304.07193; with registers: Darcet et al. 2024, 2309.16588."""
    for size in ("small", "base", "large"):
        yield _dinov2(f"vit_{size}_patch14_dinov2.lvd142m", f"dinov2_vit{size[0]}14", size, 0)
        yield _dinov2(
            f"vit_{size}_patch14_reg4_dinov2.lvd142m", f"dinov2_vit{size[0]}14_reg", size, 4
        )


def _dinov2(name: str, alias: str, size: str, registers: int) -> ModelSpec:
    prefix = ("cls", *(f"reg{number}" for number in range(registers)))
    config = ViTConfig(
        image_size=(518, 518),
        patch_size=14,
        classes=0,
        prefix_tokens=prefix,
        # timm adds the class token's row to the token itself where there are registers.
        position_prefix=() if registers else prefix,
        # The authors' own: DINO's way, and with registers antialiased without its 0.1, as timm.
        position_interpolation="timm" if registers else "dino",
        layer_scale=True,
        **SIZES[size],
    )
    folder = f"dinov2_vit{size[0]}14"
    file = f"{folder}/{folder}{'_reg4' if registers else ''}_pretrain.pth"
    return _row(name, (alias,), "dinov2", config, f"{DINOV2}/{file}")


def _maes() -> Iterator[ModelSpec]:
    """He et al. 2022, arXiv:2111.06377: the encoder, which reconstructs no pixels."""
    for size, patch in (("base", 16), ("large", 16), ("huge", 14)):
        config = ViTConfig(
            patch_size=patch, classes=0, position_interpolation="timm", **SIZES[size]
        )
        name, alias = f"vit_{size}_patch{patch}_224.mae", f"mae_vit{size[0]}{patch}"
        row = _row(name, (alias,), "mae", config, f"{MAE}/mae_pretrain_vit_{size}.pth")
        yield replace(row, licence="CC-BY-NC-4.0")


def _row(
    name: str,
    aliases: tuple[str, ...],
    family: str,
    config: ViTConfig,
    url: str,
    *,
    top1: str | None = None,
) -> ModelSpec:
    """Make a row of timm's model of this name, with the recipe that most of them have."""
    side = config.image_size[0]
    crop = 0.9 if side == 224 else 1.0
    return ModelSpec(
        name=name,
        family=family,
        config=config,
        preprocessing=Preprocessing(
            resize=int(side / crop),
            size=config.image_size,
            crop=crop,
            interpolation="bicubic",
            mean=IMAGENET_MEAN,
            std=IMAGENET_STD,
        ),
        aliases=aliases,
        repository=f"timm/{name}",
        file="model.safetensors",
        urls=(url,),
        licence=LICENCE,
        top1=top1,
        classes=imagenet_classes() if config.classes else None,
    )
