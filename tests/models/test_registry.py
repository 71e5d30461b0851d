"""What the registry says of the models it knows."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import pytest

from vitonnx.errors import UnknownModelError
from vitonnx.manifest import Preprocessing
from vitonnx.models import find_model, registry

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_names_and_aliases_are_unique_and_found() -> None:
    names = [name for spec in registry() for name in (spec.name, *spec.aliases)]
    assert [name for name, count in Counter(names).items() if count > 1] == []
    for spec in registry():
        for name in (spec.name, *spec.aliases):
            assert find_model(name) is spec


@pytest.mark.parametrize(
    "name",
    [
        # What the issue asks for: sizes and pictures of the original ViT, of DeiT, of DINO.
        *(f"vit_{size}_patch16_224.augreg_in21k_ft_in1k" for size in ("tiny", "small", "base")),
        "vit_large_patch16_224.augreg_in21k_ft_in1k",
        "vit_base_patch16_384.augreg_in21k_ft_in1k",
        *(f"vit_{size}_patch16_224.augreg_in1k" for size in ("small", "base")),
        "vit_base_patch16_384.augreg_in1k",
        *(f"deit_{size}_patch16_224.fb_in1k" for size in ("tiny", "small", "base")),
        *(f"deit_{size}_distilled_patch16_224.fb_in1k" for size in ("tiny", "small", "base")),
        "deit_base_patch16_384.fb_in1k",
        "deit_base_distilled_patch16_384.fb_in1k",
        *(f"vit_{size}_patch{p}_224.dino" for size in ("small", "base") for p in (8, 16)),
    ],
)
def test_timms_rows_follow_timm(name: str) -> None:
    spec = find_model(name)
    config = spec.config
    assert spec.name == name
    assert (spec.repository, spec.file) == (f"timm/{name}", "model.safetensors")
    assert (config.activation, config.epsilon) == ("gelu", 1e-6)
    assert config.position_interpolation == ("dino" if name.endswith(".dino") else "timm")
    assert config.classes == (0 if name.endswith(".dino") else 1000)
    assert spec.licence == "Apache-2.0"


def test_sizes() -> None:
    millions = {
        # As the papers' tables have them: DeiT's Table 1, ViT's Table 1, DINO's Table 1.
        "deit_tiny_patch16_224": 5.7,
        "deit_small_patch16_224": 22.1,
        "deit_base_patch16_224": 86.6,
        "deit_base_distilled_patch16_224": 87.3,
        "vit_large_patch16_224": 304.3,
        "dino_vits16": 21.7,
        "dino_vitb8": 85.8,
    }
    for name, count in millions.items():
        assert round(find_model(name).config.count_parameters() / 1e6, 1) == count, name


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("vit_base_i1k_patch16_224", "vit_base_patch16_224.augreg_in1k"),
        ("vit_base_i21k_patch16_224", "vit_base_patch16_224.augreg_medium2_in21k_ft_in1k"),
        ("dino_base_patch16_224", "vit_base_patch16_224.dino_linear"),
        ("deit_base_patch16_224", "deit_base_patch16_224.fb_in1k"),
        ("deit_base_distilled_patch16_224", "deit_base_distilled_patch16_224.fb_in1k"),
        ("dino_vits16", "vit_small_patch16_224.dino"),
        ("dino_vits8", "vit_small_patch8_224.dino"),
        ("dino_vitb16", "vit_base_patch16_224.dino"),
        ("dino_vitb8", "vit_base_patch8_224.dino"),
        ("vit_b16_in21k", "vit_base_patch16_224.augreg_in21k_ft_in1k"),
        ("deit_b16_distilled", "deit_base_distilled_patch16_224.fb_in1k"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert find_model(alias).name == name


def test_timms_untagged_name_is_no_alias_where_timm_means_other_weights() -> None:
    # timm's vit_base_patch16_224 is augreg2_in21k_ft_in1k, which is not here.
    with pytest.raises(UnknownModelError, match=r"vit_base_patch16_224\.augreg_in21k_ft_in1k"):
        find_model("vit_base_patch16_224")


def test_the_b16_of_probing_vits_is_another_file() -> None:
    theirs, timms = find_model("vit_base_i21k_patch16_224"), find_model("vit_b16_in21k")
    assert "aug_medium2-wd_0.03" in theirs.urls[0]
    assert "aug_medium1-wd_0.1" in timms.urls[0]
    assert (theirs.top1, timms.top1) == ("84.017", "84.534")
    assert theirs.repository is None
    assert theirs.config == timms.config


def test_the_jax_originals_numerics_are_rows_of_their_own() -> None:
    for spec in registry():
        if spec.family != "vit" or spec.name.endswith(".jax"):
            continue
        jax = find_model(f"{spec.name}.jax")
        assert jax.config.activation == "gelu_tanh"
        assert jax.config.position_interpolation == "jax"
        assert jax.config.parameters() == spec.config.parameters()
        assert jax.urls == spec.urls
        assert jax.urls[0].startswith("https://storage.googleapis.com/vit_models/augreg/")
        assert jax.repository is None
        # Squashed, as Google's evaluation does; the accuracy was measured otherwise.
        assert jax.preprocessing.resize is None
        assert jax.top1 is None


def test_recipes() -> None:
    def recipe(resize: int, side: int, crop: float, *colour: tuple[float, float, float]) -> object:
        mean, std = colour
        return Preprocessing(
            resize=resize,
            size=(side, side),
            crop=crop,
            interpolation="bicubic",
            mean=mean,
            std=std,
        )

    half = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert find_model("vit_b16_in21k").preprocessing == recipe(248, 224, 0.9, *half)
    assert find_model("vit_b16_384_in21k").preprocessing == recipe(384, 384, 1.0, *half)
    assert find_model("deit_b16").preprocessing == recipe(248, 224, 0.9, *IMAGENET)
    assert find_model("deit_b16_384").preprocessing == recipe(384, 384, 1.0, *IMAGENET)
    assert find_model("dino_vits8").preprocessing == recipe(248, 224, 0.9, *IMAGENET)
    # DINO's own evaluation: its linear head was measured so.
    assert find_model("dino_vitb16_linear").preprocessing == recipe(256, 224, 0.875, *IMAGENET)


def test_distilled_and_linear_readouts() -> None:
    distilled = find_model("deit_t16_distilled").config
    assert distilled.prefix_tokens == distilled.position_prefix == ("cls", "dist")
    assert distilled.pooling == "cls+dist"
    linear = find_model("dino_vitb16_linear")
    assert linear.config.parameters()["head/kernel"] == (2 * 768, 1000)
    assert [url.rpartition("/")[2] for url in linear.urls] == [
        "dino_vitbase16_pretrain.pth",
        "dino_vitbase16_linearweights.pth",
    ]


def test_every_class_has_a_name() -> None:
    for spec in registry():
        assert len(spec.classes or ()) == spec.config.classes
    classes = find_model("deit_b16").classes
    assert classes is not None
    assert (classes[0], classes[207], classes[999]) == (
        "tench",
        "golden retriever",
        "toilet tissue",
    )
    assert files("vitonnx.models").joinpath("imagenet.txt").is_file()


@pytest.mark.parametrize(
    ("asked", "offered"),
    [("dino_vits-16", "dino_vits16"), ("vit_base_patch16_244.dino", "vit_base_patch16_224.dino")],
)
def test_an_unknown_name_lists_the_nearest(asked: str, offered: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        find_model(asked)
    text = str(caught.value)
    assert repr(asked) in text
    assert offered in text.partition("the nearest are ")[2].partition(". `")[0].split(", ")
    assert "`vitonnx models`" in text
    assert "--config" in text
    assert caught.value.exit_code == 2


def test_a_name_like_none() -> None:
    for name in ("", "qqqq"):
        with pytest.raises(UnknownModelError, match="lists all") as caught:
            find_model(name)
        assert "nearest" not in str(caught.value)


@pytest.mark.peers
def test_rows_equal_timms_own() -> None:
    import timm

    compared = 0
    for spec in registry():
        if spec.repository is None:
            continue
        # The full network: timm's names of parameters, counted.
        published = timm.models.get_pretrained_cfg(spec.name)
        size = published.input_size[1:]
        assert spec.repository == published.hf_hub_id
        assert spec.urls == (published.url,)
        assert (spec.licence or "").lower() == published.license
        assert spec.config.image_size == spec.preprocessing.size == size
        assert spec.config.classes == published.num_classes
        assert spec.preprocessing.crop == published.crop_pct
        assert spec.preprocessing.resize == int(size[0] / published.crop_pct)
        assert spec.preprocessing.interpolation == published.interpolation
        assert (spec.preprocessing.mean, spec.preprocessing.std) == (published.mean, published.std)
        model = timm.create_model(spec.name, pretrained=False)
        count = sum(parameter.numel() for parameter in model.parameters())
        assert spec.config.count_parameters() == count
        compared += 1
    assert compared == 29
