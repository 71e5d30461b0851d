"""What a run of training is told, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from vitonnx.errors import UsageError
from vitonnx.models.train import Settings, describe_model


@pytest.mark.parametrize(
    ("told", "part"),
    [
        ({"objective": "mae"}, "objective is 'mae'; it must be supervised or dino."),
        ({"classifier": "both"}, "classifier is 'both'; it must be token or gap."),
        ({"position": "rotary"}, "position is 'rotary'; it must be learned or sincos."),
        ({"precision": "float16"}, "precision is 'float16'; it must be float32 or bfloat16."),
        ({"epochs": 0}, "epochs is 0; it must be at least 1."),
        ({"batch_size": -3}, "batch_size is -3; it must be at least 1."),
        ({"depth": 0}, "depth is 0; it must be at least 1."),
        ({"seed": -1}, "seed is -1; it must be at least 0."),
        ({"seed": 2**31}, f"seed is {2**31}; it must be at most {2**31 - 1}."),
        ({"learning_rate": 0.0}, "learning_rate is 0.0; it must be above 0."),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it must be above 0."),
        ({"image_size": 50}, "50"),
        ({"width": 130}, "130"),
        ({"width": 30, "heads": 2, "position": "sincos"}, "a multiple of 4"),
        ({"hue": 0.6}, "hue is 0.6; it must be from 0 to 0.5."),
        ({"hue": float("nan")}, "hue is nan; it must be from 0 to 0.5."),
        ({"objective": "dino", "image_size": 8}, "8 pixels has 1 of 8"),
        ({"targets": "mean"}, "targets is 'mean'; it must be sinkhorn or centred."),
        ({"prototypes": 0}, "prototypes is 0; it must be at least 1."),
        ({"registers": -1}, "registers is -1; it must be at least 0."),
        ({"registers": 2, "classifier": "gap"}, "beside a class token: use --classifier token."),
        ({"koleo": -0.1}, "koleo is -0.1; it must be 0 or more."),
        ({"koleo": float("nan")}, "koleo is nan; it must be 0 or more."),
        ({"koleo": float("inf")}, "koleo is inf; it must be 0 or more."),
        ({"objective": "dino", "batch_size": 1}, "use a larger batch size, or koleo 0."),
        ({"momentum": 1.1}, "momentum is 1.1; it must be from 0 to 1."),
        ({"momentum": float("nan")}, "momentum is nan; it must be from 0 to 1."),
        ({"colour_ramp": (5, 5)}, "colour_ramp is 5 to 5; it must begin at 0 or later, and end"),
        ({"colour_ramp": (5, 3)}, "colour_ramp is 5 to 3;"),
        ({"colour_ramp": (-1, 3)}, "colour_ramp is -1 to 3;"),
        ({"colour_ramp": (5, 0)}, "colour_ramp is 5 to 0;"),
    ],
    ids=str,
)
def test_what_can_not_be(told: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings(**told)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "told",
    [
        {"objective": "dino", "batch_size": 1, "koleo": 0},
        {"batch_size": 1},
        {"momentum": 0.0},
        {"momentum": 1.0},
        {"colour_ramp": (0, 1)},
        {"prototypes": 1},
    ],
    ids=str,
)
def test_what_just_can_be(told: dict[str, Any]) -> None:
    Settings(**told)


def test_the_learning_rate_is_the_objectives_own_unless_told() -> None:
    assert Settings().peak_learning_rate == 1e-3
    assert Settings(objective="dino").peak_learning_rate == 1.5e-3
    assert Settings(objective="dino", learning_rate=0.2).peak_learning_rate == 0.2


@pytest.mark.parametrize(
    ("classifier", "prefix", "pooling"), [("token", ("cls",), "cls"), ("gap", (), "mean")]
)
def test_the_network(classifier: Any, prefix: tuple[str, ...], pooling: str) -> None:
    settings = Settings(classifier=classifier, image_size=56, patch=7, width=36, heads=3, depth=2)
    config = settings.network(classes=5)
    assert (config.image_size, config.patch_size, config.grid) == ((56, 56), 7, (8, 8))
    assert (config.dim, config.mlp_dim, config.heads, config.blocks) == (36, 144, 3, 2)
    assert config.prefix_tokens == config.position_prefix == prefix
    assert config.pooling == pooling
    assert config.classes == 5


def test_registers_follow_the_class_token_and_have_no_position() -> None:
    config = Settings(registers=2).network(classes=0)
    assert config.prefix_tokens == ("cls", "reg0", "reg1")
    assert config.position_prefix == ("cls",)


def test_the_exported_model_is_described() -> None:
    supervised = describe_model(Settings(image_size=40), "mine", ("cat", "dog", "eel"))
    assert (supervised.name, supervised.family) == ("mine", "vit")
    assert supervised.classes == ("cat", "dog", "eel")
    assert supervised.config.classes == 3
    recipe = supervised.preprocessing
    assert (recipe.resize, recipe.size, recipe.crop) == (40, (40, 40), 1.0)
    assert recipe.mean == recipe.std == (0.5, 0.5, 0.5)
    dino = describe_model(Settings(objective="dino"), "mine", ("cat", "dog"))
    assert (dino.family, dino.classes, dino.config.classes) == ("dino", None, 0)
