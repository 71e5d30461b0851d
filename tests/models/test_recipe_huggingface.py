"""Hugging Face's recipes: what each key and each class means, and what isn't known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recipes import slopes
from vitonnx.engine import prepare
from vitonnx.errors import UsageError
from vitonnx.manifest import Padding, Preprocessing
from vitonnx.models import read_description
from vitonnx.models._fields import Fields
from vitonnx.models._recipe_huggingface import read_recipe

SIDE = 96
SQUARE = {"height": SIDE, "width": SIDE}
CLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


def read(kind: str | None, **values: Any) -> Preprocessing:
    named = {} if kind is None else {"image_processor_type": kind}
    fields = Fields(named | values, Path("preprocessor_config.json"))
    return read_recipe(fields, "vit", (SIDE, SIDE), own=True)


CUT = {"size": {"shortest_edge": SIDE}, "crop_size": SQUARE, "do_center_crop": True}
# By a name, the class and what its file says, as published, and made small.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "clip_old": ("CLIPFeatureExtractor", {"size": SIDE, "crop_size": SIDE, "resample": 3, **CLIP}),
    "clip_new": ("CLIPImageProcessor", CUT | {"resample": 3, "do_convert_rgb": True, **CLIP}),
    "clip_silent": ("CLIPImageProcessorFast", {}),
    "vit_old": ("ViTImageProcessor", {"size": SIDE, "resample": 2}),
    "vit_named": ("ViTImageProcessor", {"size": SQUARE, "resample": 1, "crop_size": None}),
    "dinov2": ("BitImageProcessor", CUT | {"size": {"shortest_edge": 109}, **IMAGENET}),
    "siglip": ("SiglipImageProcessor", {"size": SQUARE, "resample": 3}),
    "owlvit": ("OwlViTImageProcessor", {"size": SQUARE, "crop_size": SQUARE, **CLIP}),
    "blip": ("BlipImageProcessor", {"size": SQUARE}),
    "beit_cuts": ("BeitImageProcessor", {"size": 112, "crop_size": SIDE, "do_center_crop": True}),
    "segformer": ("SegformerImageProcessor", {"size": 64, "do_reduce_labels": True}),
    "layoutlm2": ("LayoutLMv2ImageProcessor", {"size": SQUARE, "apply_ocr": False}),
    "layoutlm3": ("LayoutLMv3ImageProcessor", {"size": SQUARE, "apply_ocr": False}),
    "levit": ("LevitImageProcessor", CUT),
    "llava_cuts": ("LlavaImageProcessor", CUT),
    "llava_pads": ("LlavaImageProcessor", CUT | {"do_pad": True}),
    "sam": (
        "SamImageProcessor",
        {"size": {"longest_edge": SIDE}, "pad_size": SQUARE, "mask_size": {"longest_edge": 7}},
    ),
    "mobilevit": ("MobileViTImageProcessor", CUT | {"do_flip_channel_order": True}),
    "convnext_cuts": ("ConvNextImageProcessor", {"size": {"shortest_edge": SIDE}}),
    "convnext_share": ("ConvNextImageProcessor", {"size": {"shortest_edge": 89}, "crop_pct": 0.7}),
    "convnext_squashes": ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
    "dpt_squashes": ("DPTImageProcessor", {"size": {"height": 89, "width": 110}}),
    "dpt_multiple": ("DPTImageProcessor", {"size": 89, "ensure_multiple_of": 14}),
    "depth_anything": (
        "DPTImageProcessor",
        {"size": SQUARE, "keep_aspect_ratio": True, "ensure_multiple_of": 14, **IMAGENET},
    ),
    "no_normalize": ("ViTImageProcessor", {"size": SQUARE, "do_normalize": False}),
    "no_rescale": ("ViTImageProcessor", {"size": SQUARE, "do_rescale": False}),
    "no_step": ("ViTImageProcessor", {"size": 96, "do_rescale": False, "do_normalize": False}),
    "rescale": ("ViTImageProcessor", {"size": SQUARE, "rescale_factor": 1 / 127.5}),
    "chameleon": ("ChameleonImageProcessor", CUT),
    "efficientnet": (
        "EfficientNetImageProcessor",
        {"size": SQUARE, "rescale_factor": 1 / 127.5, "rescale_offset": True, "resample": 0},
    ),
    "vivit": ("VivitImageProcessor", CUT | {"offset": True}),
    "vivit_plain": ("VivitImageProcessor", CUT | {"offset": True, "do_normalize": False}),
    "videomae": ("VideoMAEImageProcessor", CUT),
    "mobilenet": ("MobileNetV2ImageProcessor", CUT | {"size": {"shortest_edge": 99}}),
    "one_mean": ("ViTImageProcessor", {"size": SQUARE, "image_mean": 0.25, "image_std": 0.5}),
}
# Torchvision scales numbers that aren't rounded: less than a level.
LEVEL = 1.01


@pytest.mark.peers
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("picture", [(241, 321), (211, 97), (60, 101)])
def test_pixels_equal_transformers(name: str, picture: tuple[int, int]) -> None:
    import transformers

    kind, values = CASES[name]
    current = kind.replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")
    make = getattr(transformers, f"{current}Pil", None) or getattr(transformers, current)
    drawn = slopes(*picture)
    expected = np.asarray(make(**values)(drawn, return_tensors="np")["pixel_values"])
    expected = expected.reshape(expected.shape[-3:]).transpose(1, 2, 0)  # of a video, too
    recipe = read(kind, **values)
    found = (prepare(drawn, recipe).pixels / 255 - recipe.mean) / recipe.std
    found = found[..., ::-1] if recipe.channel_order == "bgr" else found
    assert found.shape == expected.shape
    levels = np.abs(found - expected) * 255 * np.max(recipe.std)
    assert levels.max() <= LEVEL


@pytest.mark.peers
def test_owlv2_differs_by_its_filter_alone() -> None:
    """It blurs and samples; we scale as Pillow does: less than a level on average."""
    import transformers

    recipe = read("Owlv2ImageProcessor", size=SQUARE)
    drawn = slopes(241, 321)
    expected = transformers.Owlv2ImageProcessorPil(size=SQUARE)(drawn, return_tensors="np")
    found = (prepare(drawn, recipe).pixels / 255 - recipe.mean) / recipe.std
    levels = np.abs(found.transpose(2, 0, 1) - expected["pixel_values"][0]) * 255 * recipe.std[0]
    assert levels.mean() < 1
    black = (prepare(drawn, recipe).pixels == 0).all(-1)
    assert black[74:].all()  # 72 rows of picture, and one that blends
    assert not black[:71].any()


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        ("CLIPImageProcessor", {}, {"resize": 224, "size": (224, 224), "crop": 1.0}),
        ("LevitImageProcessor", {}, {"resize": 256, "size": (224, 224), "crop": 0.875}),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}}, {"resize": 256}),
        ("ConvNextImageProcessor", {}, {"resize": None, "size": (384, 384), "crop": 1.0}),
        ("DPTImageProcessor", {"ensure_multiple_of": 14}, {"size": (378, 378), "multiple": None}),
        ("MobileViTImageProcessor", CUT, {"channel_order": "bgr", "mean": (0, 0, 0)}),
        (
            "SamImageProcessor",
            {},
            {"size": (1024, 1024), "padding": Padding(colour=(124, 116, 104), place="end")},
        ),
        (
            "Owlv2ImageProcessor",
            {},
            {"size": (960, 960), "padding": Padding(colour=(0, 0, 0), place="end", before=True)},
        ),
        (
            "BeitImageProcessor",
            {"size": 256, "do_center_crop": True},
            {"resize": None, "size": (224, 224), "crop": 0.875, "contract_version": 2},
        ),
        ("ViTImageProcessor", {"interpolation": "bicubic"}, {"interpolation": "bicubic"}),
        ("ViTImageProcessor", {"resample": "Resampling.LANCZOS"}, {"interpolation": "lanczos"}),
        ("ViTImageProcessor", {"resample": None, "crop_pct": None}, {"interpolation": "bilinear"}),
        # (pixel / 127.5 - 1 - 0.5) / 0.5, of pixels from 0 to 255
        ("VivitImageProcessor", {}, {"mean": (0.75, 0.75, 0.75), "std": (0.25, 0.25, 0.25)}),
        # without a class: as the type of the model has it, or a ViT
        (None, {"size": 48}, {"resize": None, "size": (48, 48), "contract_version": 1}),
    ],
)
def test_what_a_recipe_says(
    kind: str | None, values: dict[str, Any], expected: dict[str, Any]
) -> None:
    recipe = read(kind, **values)
    for key, value in expected.items():
        found = getattr(recipe, key)
        assert found == (pytest.approx(value) if key in ("mean", "std") else value), key


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        ("DonutImageProcessor", {}, "DonutImageProcessor"),
        ("IdeficsImageProcessor", {}, "IdeficsImageProcessor"),
        ("ImageGPTImageProcessor", {"do_color_quantize": True}, "ImageGPT"),
        ("PerceiverImageProcessor", {}, "Perceiver"),
        ("Siglip2ImageProcessor", {"max_num_patches": 256}, "Siglip2"),
        ("ViltImageProcessor", {"size_divisor": 32}, "Vilt"),
        ("YolosImageProcessor", {}, "shortest_edge 800, longest_edge 1333"),
        ("DetrImageProcessor", {"size": 800, "max_size": 1333}, "longest_edge 1333"),
        ("CLIPImageProcessor", {"do_center_crop": False}, "its own size"),
        ("MobileViTImageProcessor", {}, "'crop_size'"),  # 224 of 256
        ("ViTImageProcessor", {"do_resize": False}, "'do_resize'"),
        ("ViTImageProcessor", {"do_image_splitting": True}, "'do_image_splitting'"),
        ("ViTImageProcessor", {"do_thumbnail": True}, "'do_thumbnail'"),
        ("ViTImageProcessor", {"do_crop_margin": True}, "'do_crop_margin'"),
        ("ViTImageProcessor", {"max_image_size": {"longest_edge": 364}}, "'max_image_size'"),
        ("ViTImageProcessor", {"do_pad": True, "pad_size": 256}, "'pad_size'"),
        ("SamImageProcessor", {"pad_size": 512}, "'pad_size'"),
        ("SamImageProcessor", {"do_pad": False}, "'pad_size'"),
        ("DPTImageProcessor", {"do_pad": True, "size_divisor": 7}, "'size_divisor'"),
        ("CLIPImageProcessor", {"crop_size": {"height": 64, "width": 96}}, "'crop_size'"),
        ("ConvNextImageProcessor", {"size": {"shortest_edge": 96}, "crop_pct": 1.5}, "'crop_pct'"),
        ("ViTImageProcessor", {"resample": 5}, "'resample'"),
        ("ViTImageProcessor", {"size": {"height": 8}}, "'size'"),
        ("ViTImageProcessor", {"size": True}, "'size'"),
        ("ViTImageProcessor", {"rescale_factor": 0}, "'rescale_factor'"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    kind: str, values: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(kind, **values)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_step_that_is_off_changes_nothing() -> None:
    off = {"do_thumbnail": False, "do_image_splitting": False, "do_anything": None, "new": None}
    assert read("ViTImageProcessor", **off) == read("ViTImageProcessor")


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("preprocessor_config.json", lambda recipe: recipe),
        ("processor_config.json", lambda recipe: {"image_processor": recipe, "num_tokens": 7}),
        ("video_preprocessor_config.json", lambda recipe: {**recipe, "do_sample_frames": False}),
    ],
)
@pytest.mark.parametrize("given", ["itself", "config.json"])
def test_where_a_recipe_stands(file: str, values: Any, given: str, tmp_path: Path) -> None:
    recipe = CUT | CLIP | {"image_processor_type": "CLIPImageProcessor"}
    (tmp_path / file).write_text(json.dumps(values(recipe)))
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip_vision_model"}))
    found = read_description(tmp_path / (file if given == "itself" else given))
    assert found.preprocessing == read("CLIPImageProcessor", **CUT, **CLIP)
    assert found.prefix_tokens == ("cls",)


def test_the_type_of_the_model_says_the_class(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "dinov2"}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(IMAGENET))
    found = read_description(tmp_path / "config.json").preprocessing
    assert found == read("BitImageProcessor", **IMAGENET)
