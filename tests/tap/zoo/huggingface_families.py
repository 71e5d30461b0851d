"""The families of Hugging Face's Vision Transformers, with the classes that make them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tap.zoo.specimen import CLIP, CLS, CLS_DIST, CLS_REGISTERS, HALF, IMAGENET, Family


@dataclass(frozen=True, kw_only=True)
class HuggingFace(Family):
    config: str
    architecture: str
    outputs: tuple[str, ...] = ("last_hidden_state", "pooler_output")
    interpolate: bool = False  # has to be asked to take another size than the configuration's
    noise: str = ""  # by which MAE's encoder orders patches, and drops some: "" is random


FAMILIES = {
    "vit": HuggingFace(
        config="ViTConfig",
        architecture="ViTForImageClassification",
        prefix=CLS,
        recipe=HALF,
        outputs=("logits",),
        blocks=3,
        classes=7,
    ),
    "vit-interpolated": HuggingFace(
        config="ViTConfig",
        architecture="ViTModel",
        prefix=CLS,
        recipe=HALF,
        options={"image_size": (40, 40)},
        any_size=True,
        interpolate=True,
    ),
    "deit": HuggingFace(
        config="DeiTConfig",
        architecture="DeiTForImageClassificationWithTeacher",
        prefix=CLS_DIST,
        recipe=IMAGENET,
        outputs=("logits", "cls_logits", "distillation_logits"),
        dim=40,
        heads=2,
        classes=7,
    ),
    # Its positions are a square, resampled to the picture's rectangle.
    "dinov2": HuggingFace(
        config="Dinov2Config",
        architecture="Dinov2Model",
        prefix=CLS,
        recipe=IMAGENET,
        size=(70, 98),
        patch=14,
        blocks=3,
        options={"image_size": (70, 70)},
        any_size=True,
        embedding="pooler_output",
    ),
    "dinov2-registers": HuggingFace(
        config="Dinov2WithRegistersConfig",
        architecture="Dinov2WithRegistersForImageClassification",
        prefix=CLS_REGISTERS,
        recipe=IMAGENET,
        outputs=("logits",),
        size=(70, 70),
        patch=14,
        classes=7,
        options={"num_register_tokens": 4},
    ),
    "dinov3": HuggingFace(
        config="DINOv3ViTConfig",
        architecture="DINOv3ViTModel",
        prefix=CLS_REGISTERS,
        recipe=IMAGENET,
        size=(80, 112),
        patch=16,
        options={"num_register_tokens": 4},
        any_size=True,
        embedding="pooler_output",
    ),
    "clip": HuggingFace(
        config="CLIPVisionConfig",
        architecture="CLIPVisionModelWithProjection",
        prefix=CLS,
        recipe=CLIP,
        outputs=("image_embeds", "last_hidden_state"),
        size=(40, 40),
        dim=60,
        heads=5,
        options={"image_size": 40, "projection_dim": 24},
    ),
    "siglip": HuggingFace(
        config="SiglipVisionConfig",
        architecture="SiglipVisionModel",
        prefix=(),
        recipe=HALF,
        size=(48, 48),
        dim=40,
        heads=2,
        options={"image_size": 48},
        embedding="pooler_output",
    ),
    "siglip-interpolated": HuggingFace(
        config="SiglipVisionConfig",
        architecture="SiglipVisionModel",
        prefix=(),
        recipe=HALF,
        options={"image_size": 48},
        any_size=True,
        interpolate=True,
        embedding="pooler_output",
    ),
    # A square: at a rectangle, transformers swaps the sides of its table of distances.
    "beit": HuggingFace(
        config="BeitConfig",
        architecture="BeitForImageClassification",
        prefix=CLS,
        recipe=HALF,
        outputs=("logits",),
        size=(56, 56),
        classes=7,
        options={"use_relative_position_bias": True},
    ),
    # Detection tokens stand behind the patches, and positions are added again between blocks.
    "yolos": HuggingFace(
        config="YolosConfig",
        architecture="YolosModel",
        prefix=CLS,
        suffix=7,
        recipe=IMAGENET,
        outputs=("last_hidden_state",),
        blocks=3,
        options={"num_detection_tokens": 7},
    ),
    "vitmae": HuggingFace(
        config="ViTMAEConfig",
        architecture="ViTMAEModel",
        prefix=CLS,
        recipe=IMAGENET,
        outputs=("last_hidden_state",),
        options={"mask_ratio": 0.0},
        noise="in order",
    ),
}

# MAE's encoder as it is in training: tokens are not where their patches are, or there are fewer.
SHUFFLED = {
    "vitmae-permuted": dataclasses.replace(FAMILIES["vitmae"], noise="permuted"),
    "vitmae-random": dataclasses.replace(FAMILIES["vitmae"], noise=""),
    "vitmae-masked": dataclasses.replace(FAMILIES["vitmae"], noise="", options={}),
}
