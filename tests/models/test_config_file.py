"""Models outside the registry: timm's config.json, Hugging Face's, our own fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vitonnx.errors import UsageError
from vitonnx.manifest import Padding
from vitonnx.models import ModelSpec, read_config_file

# As timm 1.0.31 wrote it, 22 November 2026 (timm.models._hub.save_for_hf), for
# create_model("vit_small_patch16_224", img_size=(32, 48), depth=1, reg_tokens=4, num_classes=7).
TIMM: dict[str, Any] = {
    "architecture": "vit_small_patch16_224",
    "num_classes": 7,
    "num_features": 384,
    "global_pool": "token",
    "model_args": {
        "img_size": [32, 48],
        "depth": 1,
        "reg_tokens": 4,
        "class_token": True,
        "num_classes": 7,
        "in_chans": 3,
        "global_pool": "token",
    },
    "pretrained_cfg": {
        "tag": "augreg_in21k_ft_in1k",
        "custom_load": False,
        "input_size": [3, 32, 48],
        "fixed_input_size": True,
        "interpolation": "bicubic",
        "crop_pct": 0.9,
        "crop_mode": "center",
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.25, 0.125],
        "num_classes": 7,
        "pool_size": None,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
        "license": "apache-2.0",
    },
}

# As transformers 5.23.0 wrote it, 22 November 2026 (save_pretrained), for
# ViTForImageClassification(ViTConfig(hidden_size=6, num_hidden_layers=1, num_attention_heads=2,
#     intermediate_size=10, image_size=8, patch_size=4, num_labels=3)).
HUGGINGFACE: dict[str, Any] = {
    "architectures": ["ViTForImageClassification"],
    "attention_probs_dropout_prob": 0.0,
    "dtype": "float32",
    "encoder_stride": 16,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "hidden_size": 6,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
    "image_size": 8,
    "initializer_range": 0.02,
    "intermediate_size": 10,
    "label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2},
    "layer_norm_eps": 1e-12,
    "model_type": "vit",
    "num_attention_heads": 2,
    "num_channels": 3,
    "num_hidden_layers": 1,
    "patch_size": 4,
    "pooler_act": "tanh",
    "pooler_output_size": 6,
    "qkv_bias": True,
    "transformers_version": "5.23.0",
}

# In transformers' older form, where sizes are plain numbers.
PREPROCESSOR: dict[str, Any] = {
    "crop_size": 224,
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "DeiTFeatureExtractor",
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "size": 256,
}

OWN: dict[str, Any] = {
    "name": "mine",
    "image_size": [40, 56],
    "patch_size": 8,
    "dim": 21,
    "blocks": 2,
    "heads": 3,
    "classes": ["ant", "bee", "cat"],
    "preprocessing": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]},
}

Read = Callable[..., ModelSpec]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def write_and_read(values: Any, preprocessor: Any = None) -> ModelSpec:
        folder = tmp_path / "some-model"
        folder.mkdir(exist_ok=True)
        path = folder / "config.json"
        path.write_text(values if isinstance(values, str) else json.dumps(values))
        if preprocessor is not None:
            (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
        return read_config_file(path)

    return write_and_read


def timm(architecture: str = "vit_small_patch16_224", **arguments: Any) -> dict[str, Any]:
    """timm's file for other arguments; the recipe as above."""
    return TIMM | {"architecture": architecture, "model_args": arguments}


def pretrained(**changed: Any) -> dict[str, Any]:
    return TIMM | {"pretrained_cfg": TIMM["pretrained_cfg"] | changed}


def test_timm(read: Read) -> None:
    spec = read(TIMM)
    config, recipe = spec.config, spec.preprocessing
    registers = ("cls", "reg0", "reg1", "reg2", "reg3")
    assert (spec.name, spec.family) == ("vit_small_patch16_224.augreg_in21k_ft_in1k", "vit")
    assert (config.image_size, config.patch_size) == ((32, 48), 16)
    assert (config.dim, config.blocks, config.heads, config.mlp_dim) == (384, 1, 6, 1536)
    assert config.prefix_tokens == config.position_prefix == registers
    assert (config.pooling, config.norm_after_pooling, config.classes) == ("cls", False, 7)
    assert (config.activation, config.epsilon) == ("gelu", 1e-6)
    assert (config.layer_scale, config.qkv_bias) == (False, True)
    assert config.position_interpolation == "timm"
    assert (recipe.resize, recipe.size, recipe.crop) == (35, (32, 48), 0.9)
    assert (recipe.interpolation, recipe.std) == ("bicubic", (0.5, 0.25, 0.125))
    assert spec.licence == "Apache-2.0"
    assert spec.classes is None


def test_timm_arguments(read: Read) -> None:
    config = read(timm(no_embed_class=True, reg_tokens=2, init_values=1e-5)).config
    assert config.prefix_tokens == ("cls", "reg0", "reg1")
    assert (config.position_prefix, config.layer_scale) == ((), True)
    config = read(timm(global_pool="avg", class_token=False, act_layer="gelu_tanh")).config
    assert (config.prefix_tokens, config.pooling) == ((), "mean")
    assert (config.norm_after_pooling, config.activation) == (True, "gelu_tanh")
    config = read(timm(global_pool="avg", fc_norm=False, qkv_bias=False)).config
    assert (config.pooling, config.norm_after_pooling) == ("mean", False)
    assert (config.prefix_tokens, config.qkv_bias) == (("cls",), False)
    narrow = timm(embed_dim=20, num_heads=5, mlp_ratio=2.55, img_size=64, patch_size=[8, 8])
    config = read(narrow).config
    assert (config.mlp_dim, config.grid) == (51, (8, 8))
    # What only training and other input sizes feel.
    assert read(timm(drop_path_rate=0.1, dynamic_img_size=True, weight_init="jax")).config


def test_timm_architectures(read: Read) -> None:
    sizes = {
        "vit_tiny_patch16_224": (192, 12, 3, (32, 48)),
        "vit_large_patch16_224": (1024, 24, 16, (32, 48)),
        "vit_huge_patch16_224": (1280, 32, 16, (32, 48)),
        "deit_base_patch16_384": (768, 12, 12, (32, 48)),
    }
    for name, expected in sizes.items():
        config = read(timm(name)).config
        assert (config.dim, config.blocks, config.heads, config.image_size) == expected
    distilled = read(timm("deit_tiny_distilled_patch16_224"))
    assert distilled.family == "deit"
    assert distilled.config.prefix_tokens == ("cls", "dist")
    assert distilled.config.pooling == "cls+dist"


def test_timms_picture_size_is_the_arguments_then_the_recipes_then_the_names(read: Read) -> None:
    name = "vit_small_patch16_384"
    assert read(timm(name, img_size=64)).config.image_size == (64, 64)
    assert read(timm(name)).config.image_size == (32, 48)
    without = {key: TIMM["pretrained_cfg"][key] for key in ("mean", "std", "crop_pct")}
    values = timm(name) | {"pretrained_cfg": without}
    assert read(values).config.image_size == (384, 384)


def test_timms_dino(read: Read) -> None:
    spec = read(pretrained(tag="dino"))
    assert (spec.family, spec.config.position_interpolation) == ("dino", "dino")


def test_timms_squashing_recipe(read: Read) -> None:
    recipe = read(pretrained(crop_mode="squash", crop_pct=1.0)).preprocessing
    assert (recipe.resize, recipe.contract_version) == (None, 1)
    recipe = read(pretrained(crop_mode="squash", crop_pct=0.75)).preprocessing
    assert (recipe.resize, recipe.crop, recipe.contract_version) == (None, 0.75, 2)


def test_timms_border_is_padding(read: Read) -> None:
    recipe = read(pretrained(crop_mode="border", crop_pct=0.9, mean=[0.1, 0.2, 0.7])).preprocessing
    assert recipe.padding == Padding(colour=(26, 51, 178))
    assert (recipe.resize, recipe.crop, recipe.contract_version) == (None, 0.9, 2)


def test_timms_class_names(read: Read) -> None:
    names = [f"n{number}" for number in range(7)]
    assert read(TIMM | {"label_names": names}).classes == tuple(names)
    described = TIMM | {"label_names": names, "label_descriptions": {"n1": "one"}}
    assert read(described).classes == ("n0", "one", "n2", "n3", "n4", "n5", "n6")
    assert read(TIMM | {"label_names": names[:3]}).classes is None


def test_timms_first_form_has_all_at_the_top(read: Read) -> None:
    spec = read({"architecture": "deit_small_patch16_224", **TIMM["pretrained_cfg"]})
    assert (spec.config.classes, spec.config.image_size) == (7, (32, 48))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (timm("vit_base_patch16_siglip_224"), "'vit_base_patch16_siglip_224'"),
        (timm("resnet50"), "'resnet50'"),
        (timm(pre_norm=True), "pre_norm=True"),
        (timm(qk_norm=True), "qk_norm=True"),
        (timm(mlp_layer="SwiGLU"), "mlp_layer='SwiGLU'"),
        (timm(window_size=7), "window_size=7"),
        (timm(in_chans=1), "in_chans=1"),
        (timm(pos_embed="none"), "pos_embed='none'"),
        (timm(global_pool="map"), "'map' as 'model_args.global_pool'"),
        (timm(act_layer="silu"), "'silu' as 'model_args.act_layer'"),
        (timm(patch_size=[16, 8]), "'model_args.patch_size'"),
        (timm("deit_tiny_distilled_patch16_224", reg_tokens=4), "reg_tokens=4"),
        (timm("deit_tiny_distilled_patch16_224", fc_norm=True), "fc_norm=True"),
        (pretrained(interpolation="random"), "'random' as 'pretrained_cfg.interpolation'"),
        (pretrained(crop_mode="random"), "'random' as 'pretrained_cfg.crop_mode'"),
        (pretrained(crop_border_pixels=3), "'crop_border_pixels'"),
        (pretrained(mean=[0.5, 0.5]), "'pretrained_cfg.mean'"),
        (pretrained(std=[0.5, 0.5, 0]), "'pretrained_cfg.std'"),
        (pretrained(input_size=[1, 32, 48]), "'pretrained_cfg.input_size'"),
        (TIMM | {"architecture": 5}, "5 as 'architecture'"),
        (TIMM | {"model_args": [1]}, "'model_args' in"),
    ],
)
def test_what_timm_has_and_vitonnx_has_not(read: Read, values: Any, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(values)
    assert named in str(caught.value)


def test_hugging_face(read: Read) -> None:
    spec = read(HUGGINGFACE)
    config, recipe = spec.config, spec.preprocessing
    assert (spec.name, spec.family, spec.classes) == ("some-model", "vit", None)
    assert (config.image_size, config.patch_size) == ((8, 8), 4)
    assert (config.dim, config.blocks, config.heads, config.mlp_dim) == (6, 1, 2, 10)
    assert (config.prefix_tokens, config.pooling, config.classes) == (("cls",), "cls", 3)
    assert (config.activation, config.epsilon) == ("gelu", 1e-12)
    assert config.position_interpolation == "huggingface"
    # transformers' own default: squashed, bilinear.
    assert (recipe.resize, recipe.size, recipe.crop) == (None, (8, 8), 1.0)
    assert (recipe.interpolation, recipe.mean, recipe.std) == ("bilinear", (0.5,) * 3, (0.5,) * 3)


def test_hugging_face_variants(read: Read) -> None:
    deit = HUGGINGFACE | {"model_type": "deit"}
    two_heads = read(deit | {"architectures": ["DeiTForImageClassificationWithTeacher"]}).config
    assert (two_heads.prefix_tokens, two_heads.pooling) == (("cls", "dist"), "cls+dist")
    one_head = read(deit | {"architectures": ["DeiTForImageClassification"]}).config
    assert (one_head.prefix_tokens, one_head.pooling) == (("cls", "dist"), "cls")
    assert read(HUGGINGFACE | {"architectures": ["ViTModel"]}).config.classes == 0
    assert read(HUGGINGFACE | {"hidden_act": "gelu_new"}).config.activation == "gelu_tanh"
    assert read(HUGGINGFACE | {"qkv_bias": False}).config.qkv_bias is False
    assert read(HUGGINGFACE | {"image_size": [8, 12]}).config.grid == (2, 3)
    named = read(HUGGINGFACE | {"id2label": {"1": "dog", "0": "cat"}})
    assert named.classes == ("cat", "dog")
    assert read(HUGGINGFACE | {"id2label": None, "num_labels": 5}).config.classes == 5
    published = read(HUGGINGFACE | {"_name_or_path": "google/vit-base-patch16-224"})
    assert published.name == "vit-base-patch16-224"


def test_hugging_faces_dinov2_and_mae(read: Read) -> None:
    plain = HUGGINGFACE | {"layer_norm_eps": 1e-6, "mlp_ratio": 5}
    spec = read(plain | {"model_type": "dinov2", "architectures": ["Dinov2Model"]})
    config = spec.config
    assert (spec.family, config.prefix_tokens, config.position_prefix) == (
        "dinov2", ("cls",), ("cls",),
    )  # fmt: skip
    assert (config.mlp_dim, config.layer_scale, config.classes) == (30, True, 0)
    assert config.position_interpolation == "huggingface"
    # Their authors' recipe, and not transformers' own.
    assert spec.preprocessing.mean == (0.485, 0.456, 0.406)
    with_registers = {
        "model_type": "dinov2_with_registers",
        "architectures": ["Dinov2WithRegistersForImageClassification"],
        "num_register_tokens": 2,
    }
    config = read(plain | with_registers).config
    assert (config.prefix_tokens, config.position_prefix) == (("cls", "reg0", "reg1"), ("cls",))
    assert (config.pooling, config.classes) == ("cls+mean", 3)
    assert config.position_interpolation == "timm"
    spec = read(HUGGINGFACE | {"model_type": "vit_mae", "architectures": ["ViTMAEForPreTraining"]})
    assert (spec.family, spec.config.classes, spec.config.pooling) == ("mae", 0, "cls")


def test_hugging_face_recipes(read: Read) -> None:
    vit = HUGGINGFACE | {"image_size": 224}
    recipe = read(vit, PREPROCESSOR).preprocessing
    assert (recipe.resize, recipe.size, recipe.crop) == (256, (224, 224), 0.875)
    assert (recipe.interpolation, recipe.mean) == ("bicubic", (0.485, 0.456, 0.406))
    squashed = PREPROCESSOR | {"do_center_crop": False, "size": {"height": 224, "width": 224}}
    recipe = read(vit, squashed | {"resample": 2}).preprocessing
    assert (recipe.resize, recipe.size, recipe.interpolation) == (None, (224, 224), "bilinear")
    recipe = read(vit, PREPROCESSOR | {"size": {"shortest_edge": 256}}).preprocessing
    assert (recipe.resize, recipe.size) == (256, (224, 224))
    recipe = read(vit, PREPROCESSOR | {"do_normalize": False}).preprocessing
    assert (recipe.mean, recipe.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    # The model's own size wins; the share that the crop keeps stays.
    recipe = read(HUGGINGFACE | {"image_size": 448}, PREPROCESSOR).preprocessing
    assert (recipe.resize, recipe.size) == (512, (448, 448))


def test_a_deit_without_a_recipe_has_its_authors(read: Read) -> None:
    values = HUGGINGFACE | {
        "model_type": "deit",
        "architectures": ["DeiTModel"],
        "image_size": 224,
    }
    recipe = read(values).preprocessing
    assert (recipe.resize, recipe.size) == (256, (224, 224))
    assert (recipe.mean, recipe.interpolation) == ((0.485, 0.456, 0.406), "bicubic")


@pytest.mark.parametrize(
    ("changed", "preprocessor", "named"),
    [
        ({"model_type": "swin"}, None, "'swin'"),
        ({"model_type": "dinov2"}, None, "Dinov2ForImageClassification"),
        (
            {
                "model_type": "dinov2",
                "architectures": ["Dinov2Model"],
                "use_swiglu_ffn": True,
            },
            None,
            "gated MLPs",
        ),
        ({"architectures": ["ViTForPose"]}, None, "ViTForImageClassificationWithTeacher"),
        ({"architectures": None}, None, "'architectures'"),
        ({"hidden_act": "quick_gelu"}, None, "'quick_gelu' as 'hidden_act'"),
        ({"num_channels": 1}, None, "'num_channels'"),
        ({"hidden_size": 7}, None, "dim 7 can't be split over 2 heads"),
        ({"hidden_size": "6"}, None, "'6' as 'hidden_size'"),
        ({"layer_norm_eps": 0}, None, "'layer_norm_eps'"),
        ({"id2label": {"0": "a", "2": "b"}}, None, "'id2label'"),
        ({"image_size": 10}, None, "not a multiple of the patch size"),
        ({"patch_size": [4, 2]}, None, "'patch_size'"),
        ({}, {"do_resize": False}, "'do_resize'"),
        ({}, {"rescale_factor": -1.0}, "'rescale_factor'"),
        ({}, {"resample": 4}, "'resample'"),
        ({}, {"size": {"longest_edge": 8}}, "'pad_size'"),
        ({}, {"size": {"shortest_edge": 8}}, "its own size"),
        ({}, {"size": {"shortest_edge": 8, "longest_edge": 9}}, "its own size"),
        ({}, {"do_align_long_axis": True}, "'do_align_long_axis'"),
        ({}, {"patch_size": 16}, "'patch_size'"),
        ({}, {"image_processor_type": "DonutImageProcessor"}, "DonutImageProcessor"),
        ({}, {"size": 8, "do_center_crop": True, "crop_size": 12}, "'crop_size'"),
        ({}, {"image_mean": "half"}, "'image_mean'"),
    ],
)
def test_what_hugging_face_has_and_vitonnx_has_not(
    read: Read, changed: dict[str, Any], preprocessor: Any, named: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(HUGGINGFACE | changed, preprocessor)
    assert named in str(caught.value)


def test_our_own_fields(read: Read) -> None:
    spec = read(OWN)
    config, recipe = spec.config, spec.preprocessing
    assert (spec.name, spec.family, spec.classes) == ("mine", "vit", ("ant", "bee", "cat"))
    assert (config.image_size, config.mlp_dim, config.classes) == ((40, 56), 84, 3)
    assert (config.prefix_tokens, config.position_prefix) == (("cls",), ("cls",))
    assert (recipe.resize, recipe.size, recipe.crop) == (40, (40, 56), 1.0)
    assert (recipe.interpolation, recipe.mean) == ("bicubic", (0.1, 0.2, 0.3))


def test_all_of_our_own_fields(read: Read) -> None:
    spec = read(
        OWN
        | {
            "family": "dino",
            "mlp_dim": 34,
            "prefix_tokens": ["cls", "reg0"],
            "position": "learned",
            "position_prefix": ["cls"],
            "position_interpolation": "jax",
            "pooling": "cls+mean",
            "norm_after_pooling": True,
            "classes": 5,
            "activation": "gelu_tanh",
            "epsilon": 1e-5,
            "layer_scale": True,
            "qkv_bias": False,
            "licence": "MIT",
            "preprocessing": OWN["preprocessing"]
            | {"resize": None, "size": [40, 56], "crop": 1, "interpolation": "lanczos"},
        }
    )
    config = spec.config
    assert (spec.family, spec.licence, spec.classes) == ("dino", "MIT", None)
    assert (config.mlp_dim, config.prefix_tokens) == (34, ("cls", "reg0"))
    assert (config.position_prefix, config.position_interpolation) == (("cls",), "jax")
    assert (config.pooling, config.norm_after_pooling) == ("cls+mean", True)
    assert (config.classes, config.activation, config.epsilon) == (5, "gelu_tanh", 1e-5)
    assert (config.layer_scale, config.qkv_bias) == (True, False)
    assert (spec.preprocessing.resize, spec.preprocessing.interpolation) == (None, "lanczos")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"depth": 3}, "has 'depth' which vitonnx doesn't know: it knows activation, blocks"),
        ({"name": None}, "None as 'name'; it must be a text"),
        ({"heads": "3"}, "'3' as 'heads'; it must be a whole number"),
        ({"heads": True}, "True as 'heads'; it must be a whole number"),
        ({"heads": 0}, "heads is 0; it must be at least 1"),
        ({"classes": -1}, "-1 as 'classes'; it must be a whole number"),
        ({"classes": ["a", 1]}, "'classes'; it must be a list of at most 100,000 texts"),
        ({"epsilon": -1e-6}, "'epsilon'; it must be a number above 0"),
        ({"layer_scale": "yes"}, "'layer_scale'; it must be true or false"),
        ({"pooling": "max"}, "'max' as 'pooling'; it must be one of cls, cls+dist, mean"),
        ({"pooling": "cls+dist"}, "needs the prefix token dist"),
        ({"prefix_tokens": ["reg0", "cls"]}, "must be some of cls, dist, reg0"),
        ({"prefix_tokens": ["class"]}, "must be some of cls, dist, reg0"),
        ({"image_size": [40, 56, 3]}, "'image_size'; it must be [height, width] in pixels"),
        ({"preprocessing": None}, "has no 'preprocessing.mean': add it, as three numbers."),
        ({"preprocessing": {"mean": [0, 0, 0]}}, "has no 'preprocessing.std'"),
        ({"preprocessing": {"colour": 1}}, "has 'colour' under 'preprocessing'"),
        (
            {"preprocessing": OWN["preprocessing"] | {"size": 224}},
            "224 as 'preprocessing.size', which differs from its image_size [40, 56]",
        ),
        ({"preprocessing": OWN["preprocessing"] | {"crop": 1.5}}, "'preprocessing.crop'"),
    ],
)
def test_what_our_own_fields_can_not_be(read: Read, changed: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(OWN | changed)
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("key", ["name", "dim", "blocks", "heads", "classes"])
def test_our_own_fields_that_must_be_there(read: Read, key: str) -> None:
    values = {name: value for name, value in OWN.items() if name != key}
    with pytest.raises(UsageError, match=f"has no '{key}': add it, as"):
        read(values)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not valid JSON: fix it at line 1, column 2"),
        (
            '{"name": "x",\n  dim: 3}',
            "is not valid JSON: fix it at line 2, column 3",
        ),
        ("", "is not valid JSON: fix it at line 1, column 1"),
        ("1" * 5000, "does not describe a model: a number in it is too long"),
        ("[1, 2]", "is not a JSON object: put its fields in braces"),
        ("{}", "describes no model: it has neither 'architecture'"),
        ("[" * 100_000, "it is nested too deeply"),
        (json.dumps(OWN | {"epsilon": float("inf")}), "'epsilon'; it must be a number above 0"),
    ],
)
def test_no_json_of_a_model(read: Read, text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert says in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UsageError, match=r"can't read .*\. Give the path of a JSON file"):
            read_config_file(path)
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not JSON: it is not text"):
        read_config_file(binary)
