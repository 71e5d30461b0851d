"""timm's Vision Transformers, small and with random weights, each by its family's entry point."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from tap.zoo.specimen import (
    CLIP,
    CLS,
    CLS_DIST,
    CLS_REGISTERS,
    HALF,
    IMAGENET,
    Facts,
    Family,
    Reference,
    Specimen,
    sharpen,
)


@dataclass(frozen=True, kw_only=True)
class Timm(Family):
    architecture: str
    embedding: str = "features"  # where there is no head


VIT, DINOV3 = "vit_tiny_patch16_224", "vit_small_patch16_dinov3"

FAMILIES = {
    "vit": Timm(architecture=VIT, prefix=CLS, recipe=HALF, blocks=3, classes=7),
    "deit": Timm(
        architecture="deit_tiny_patch16_224",
        prefix=CLS,
        recipe=IMAGENET,
        dim=40,
        heads=2,
        classes=7,
    ),
    "deit-distilled": Timm(
        architecture="deit_tiny_distilled_patch16_224", prefix=CLS_DIST, recipe=IMAGENET, classes=7
    ),
    "dino": Timm(architecture="vit_small_patch8_224", prefix=CLS, recipe=IMAGENET, blocks=3),
    "dinov2-reg4": Timm(
        architecture="vit_small_patch14_reg4_dinov2",
        prefix=CLS_REGISTERS,
        recipe=IMAGENET,
        size=(70, 98),
        patch=14,
    ),
    "dinov3": Timm(
        architecture=DINOV3, prefix=CLS_REGISTERS, recipe=IMAGENET, size=(80, 112), patch=16
    ),
    "clip": Timm(
        architecture="vit_base_patch16_clip_224",
        prefix=CLS,
        recipe=CLIP,
        dim=60,
        heads=5,
        classes=7,
    ),
    "siglip": Timm(
        architecture="vit_base_patch16_siglip_224", prefix=(), recipe=HALF, dim=40, heads=2
    ),
    "mae": Timm(
        architecture="vit_base_patch16_224",
        prefix=CLS,
        recipe=IMAGENET,
        classes=7,
        options={"global_pool": "avg"},
    ),
    "beit": Timm(
        architecture="beit_base_patch16_224", prefix=CLS, recipe=HALF, blocks=3, classes=7
    ),
    "eva02": Timm(
        architecture="eva02_tiny_patch14_224",
        prefix=CLS,
        recipe=CLIP,
        size=(70, 98),
        patch=14,
        classes=7,
    ),
    "flexivit": Timm(
        architecture="flexivit_small", prefix=CLS, recipe=HALF, size=(48, 80), patch=16, classes=7
    ),
    # Positions resampled, or rotations worked out, in the graph, for whatever picture comes.
    "vit-resampling": Timm(
        architecture=VIT,
        prefix=CLS,
        recipe=HALF,
        classes=7,
        options={"dynamic_img_size": True},
        any_size=True,
    ),
    "dinov3-resampling": Timm(
        architecture=DINOV3,
        prefix=CLS_REGISTERS,
        recipe=IMAGENET,
        size=(80, 112),
        patch=16,
        options={"dynamic_img_size": True},
        any_size=True,
    ),
}
ATTENTIONS = ("fused", "plain")


def build(family: str, attention: str) -> Specimen:
    """Build a model; `attention` is "fused" (one call to torch) or "plain" (product by product)."""
    import timm
    import torch

    kind = FAMILIES[family]
    torch.manual_seed(0)
    model = timm.create_model(
        kind.architecture,
        pretrained=False,
        img_size=kind.size,
        patch_size=kind.patch,
        embed_dim=kind.dim,
        num_heads=kind.heads,
        depth=kind.blocks,
        num_classes=kind.classes,
        **kind.options,
    ).eval()
    sharpen(model)
    reference = copy.deepcopy(model)
    _fuse(model, attention == "fused")
    _fuse(reference, False)
    facts = kind.facts("timm", family, attention)
    output = "logits" if kind.classes else kind.embedding
    return Specimen(facts, model, (output,), lambda: _measure(reference, facts, output))


def _fuse(model: Any, fused: bool) -> None:
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused


def _measure(model: Any, facts: Facts, output: str) -> Reference:
    """Run the model with its attention in the open, and keep what its blocks compute."""
    import torch

    kept: dict[str, list[np.ndarray]] = {"attention": [], "tokens": []}

    def keep(what: str) -> Any:
        return lambda module, inputs, result: kept[what].append(result.numpy())

    for block in model.blocks:
        block.attn.attn_drop.register_forward_hook(keep("attention"))
        block.register_forward_hook(keep("tokens"))
    with torch.no_grad():
        result = model(torch.from_numpy(facts.pixels())).numpy()
    return Reference(kept["attention"], kept["tokens"], {output: result})
