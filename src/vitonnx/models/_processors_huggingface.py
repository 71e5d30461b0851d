"""Hugging Face's classes of image processors: what each does where its file doesn't say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["HARMLESS", "PROCESSORS", "STEPS", "Processor", "processor_name"]

CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
BILINEAR, BICUBIC, LANCZOS = {"resample": 2}, {"resample": 3}, {"resample": 1}


def _squashed(side: int) -> dict[str, Any]:
    return {"size": {"height": side, "width": side}}


def _cut(shorter: int, side: int) -> dict[str, Any]:
    """Scale the shorter side, and cut the centre."""
    crop = {"height": side, "width": side}
    return {"size": {"shortest_edge": shorter}, "do_center_crop": True, "crop_size": crop}


@dataclass(frozen=True)
class Processor:
    """A class of processors, without "ImageProcessor" in its name.

    Its defaults are those keys that change pixels and differ from `STEPS`. A size of one number is
    a square, or else the shorter side.
    """

    defaults: dict[str, Any] = field(default_factory=dict)
    square: bool = True


# Of transformers 5.24. A class that is not here may do anything with a picture.
PROCESSORS: dict[str, Processor] = {
    "Beit": Processor(BICUBIC | HALF | _squashed(224)),
    "Bit": Processor(BICUBIC | CLIP | _cut(224, 224), square=False),
    "Blip": Processor(BICUBIC | CLIP | _squashed(384)),
    "CLIP": Processor(BICUBIC | CLIP | _cut(224, 224), square=False),
    "Chameleon": Processor(
        LANCZOS
        | {"image_mean": [1.0, 1.0, 1.0], "image_std": [1.0, 1.0, 1.0], "rescale_factor": 0.0078}
        | _cut(512, 512),
        square=False,
    ),
    "ChineseCLIP": Processor(BICUBIC | CLIP | _cut(224, 224), square=False),
    "ConvNext": Processor(
        BICUBIC | HALF | {"size": {"shortest_edge": 384}, "crop_pct": 224 / 256}, square=False
    ),
    "DINOv3ViT": Processor(BILINEAR | IMAGENET | _squashed(224)),
    # Its defaults contradict the files of all published models, which have ImageNet's mean.
    "DeiT": Processor(BICUBIC | IMAGENET | _squashed(256) | {"do_center_crop": True}),
    "DepthPro": Processor(BILINEAR | HALF | _squashed(1536)),
    "DPT": Processor(BICUBIC | HALF | _squashed(384)),
    "EfficientNet": Processor(BICUBIC | HALF | _squashed(346) | {"include_top": True}),
    "Flava": Processor(BICUBIC | CLIP | _squashed(224) | {"do_center_crop": True}),
    "LayoutLMv2": Processor(
        BILINEAR
        | _squashed(224)
        | {"do_flip_channel_order": True, "do_rescale": False, "do_normalize": False}
    ),
    "LayoutLMv3": Processor(BILINEAR | HALF | _squashed(224)),
    "Levit": Processor(BICUBIC | IMAGENET | _cut(224, 224), square=False),
    "Llava": Processor(BICUBIC | CLIP | _cut(224, 224), square=False),
    "MobileNetV1": Processor(BILINEAR | HALF | _cut(256, 224), square=False),
    "MobileNetV2": Processor(BILINEAR | HALF | _cut(256, 224), square=False),
    "MobileViT": Processor(
        BICUBIC | _cut(224, 256) | {"do_flip_channel_order": True, "do_normalize": False},
        square=False,
    ),
    "OwlViT": Processor(BICUBIC | CLIP | _squashed(768)),
    "Owlv2": Processor(BILINEAR | CLIP | _squashed(960) | {"do_pad": True}),
    "PromptDepthAnything": Processor(BICUBIC | HALF | _squashed(384)),
    "Pvt": Processor(BICUBIC | IMAGENET | _squashed(224)),
    "RTDetr": Processor(BILINEAR | IMAGENET | _squashed(640) | {"do_normalize": False}),
    "Sam": Processor(
        BILINEAR
        | IMAGENET
        | {"size": {"longest_edge": 1024}, "do_pad": True}
        | {"pad_size": {"height": 1024, "width": 1024}}
    ),
    "Sam2": Processor(BILINEAR | IMAGENET | _squashed(1024)),
    "Sam3": Processor(BILINEAR | HALF | _squashed(1008)),
    "Segformer": Processor(BILINEAR | IMAGENET | _squashed(512)),
    "Siglip": Processor(BICUBIC | HALF | _squashed(224), square=False),
    "ViT": Processor(BILINEAR | HALF | _squashed(224)),
    "VideoMAE": Processor(BILINEAR | HALF | _cut(224, 224), square=False),
    "Vivit": Processor(
        BILINEAR | HALF | _cut(256, 224) | {"rescale_factor": 1 / 127.5, "offset": True},
        square=False,
    ),
    "Yolos": Processor(
        BILINEAR | IMAGENET | {"size": {"shortest_edge": 800, "longest_edge": 1333}}, square=False
    ),
}
PROCESSORS |= dict.fromkeys(("ConditionalDetr", "DeformableDetr", "Detr"), PROCESSORS["Yolos"])

STEPS: dict[str, Any] = {
    "crop_pct": None,
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": False,
    "do_flip_channel_order": False,
    "do_normalize": True,
    "do_pad": False,
    "do_rescale": True,
    "do_resize": True,
    "ensure_multiple_of": None,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "include_top": False,
    "keep_aspect_ratio": False,
    "max_size": None,
    "offset": False,
    "pad_size": None,
    "resample": 2,
    "rescale_factor": 1 / 255,
    "rescale_offset": False,
    "size": {"height": 224, "width": 224},
    "size_divisor": None,
}
"""The keys that change pixels, and what most classes have there."""

# Keys that leave the pixels of a picture as they are: they name things, or are of labels, masks,
# texts and the form of what is returned. Pictures are RGB here in any case.
HARMLESS = {
    "_processor_class",
    "apply_ocr",
    "auto_map",
    "data_format",
    "default_to_square",
    "device",
    "disable_grouping",
    "do_convert_annotations",
    "do_convert_rgb",
    "do_reduce_labels",
    "feature_extractor_type",
    "format",
    "ignore_index",
    "image_processor_type",
    "image_seq_length",
    "input_data_format",
    "mask_pad_size",
    "mask_size",
    "model_input_names",
    "num_labels",
    "ocr_lang",
    "processor_class",
    "prompt_scale_to_meter",
    "reduce_labels",
    "return_metadata",
    "return_segmentation_masks",
    "return_tensors",
    "tesseract_config",
    "use_fast",
    "video_processor_type",
    # Flava's second picture, for a codebook that is no part of the model.
    *(f"codebook_{key}" for key in ("size", "crop_size", "image_mean", "image_std", "resample")),
    *(f"codebook_do_{step}" for step in ("resize", "center_crop", "rescale", "map_pixels")),
    *("codebook_do_normalize", "codebook_rescale_factor", "return_codebook_pixels"),
    *("input_size_patches", "total_mask_patches", "return_image_mask"),
    *("mask_group_min_patches", "mask_group_max_patches"),
    *("mask_group_min_aspect_ratio", "mask_group_max_aspect_ratio"),
}


def processor_name(kind: str) -> str:
    """Return the name of a class without the suffixes that all of them share.

    Examples
    --------
    >>> processor_name("CLIPImageProcessorFast"), processor_name("ViTFeatureExtractor")
    ('CLIP', 'ViT')
    """
    for ending in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor", "VideoProcessor"):
        kind = kind.removesuffix(ending)
    return kind
