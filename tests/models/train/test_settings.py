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
    ],
    ids=str,
)
def test_what_can_not_be(told: dict[str, Any], part: str) -> None:
    with pytest.raises(UsageError) as caught:
        Settings(**told)
    assert part in str(caught.value)
    assert str(caught.value).endswith(".")


def test_the_learning_rate_is_the_objectives_own_unless_told() -> None:
    assert Settings().peak_learning_rate == 1e-3
    assert Settings(objective="dino").peak_learning_rate == 5e-4
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
