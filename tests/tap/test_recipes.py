"""What the command is told of mean and deviation, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tap.tapping import Call, Refused, assert_sentences, done
from terminal import contents
from vitonnx.errors import UsageError
from vitonnx.modelfile import load_manifest
from vitonnx.tap import tap


@pytest.mark.parametrize(
    "recipe",
    [
        "imagnet",
        "IMAGENET21K",
        "timm",
        "timm:",
        "timm:no_such_model",
        "hf",
        "hf:",
        "hf:nowhere.json",
        "hf:.",
        "0.5",
        "0.5,0.5,0.5",
        "0.5,0.5,0.5,0.5",
        "0.5,0.5,0.5,0.5,0.5",
        "0.1,0.2,0.3,0.4,0.5,0.6,0.7",
        "0.5,",
        ",",
        "0.5,half",
        "0.5,0",
        "0.5,-0.5",
        "nan,0.5",
        "0.5,nan",
        "0.5,inf",
        "0.5,0.5,0.5,0.5,0,0.5",
    ],
)
def test_a_recipe_that_is_none(recipe: str, vit_file: str, refused: Refused, desk: Path) -> None:
    refused(vit_file, 2, recipe.partition(":")[2] or recipe, words=f"--preprocess {recipe}")
    with pytest.raises(UsageError):
        tap(Path(vit_file), desk / "out.onnx", preprocess=recipe)


def test_an_empty_recipe(vit_file: str, call: Call, desk: Path) -> None:
    before = contents(desk)
    outcome = call("tap", vit_file, "-o", "out.onnx", "--preprocess", "")
    assert outcome.code == 2, outcome
    assert_sentences(outcome, "imagenet", "half", "timm:", "hf:")
    assert contents(desk) == before


def test_no_recipe_at_all(vit_file: str, refused: Refused, desk: Path) -> None:
    refused(vit_file, 2, "--preprocess", "imagenet", "half", "timm:", "hf:", words="")
    with pytest.raises(UsageError):
        tap(Path(vit_file), desk / "out.onnx")


BROKEN = {
    "no JSON": "Dear model,",
    "a list": "[1, 2]",
    "nothing": "",
    "no mean": '{"image_std": [0.5, 0.5, 0.5]}',
    "two means": '{"image_mean": [0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}',
    "words": '{"image_mean": ["a", "b", "c"], "image_std": [0.5, 0.5, 0.5]}',
    "std of 0": '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.0, 0.5]}',
    "no number": '{"image_mean": [0.5, NaN, 0.5], "image_std": [0.5, 0.5, 0.5]}',
}


@pytest.mark.parametrize("name", ["given.json", "preprocessor_config.json"])
@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_config_that_is_broken(
    text: str, name: str, vit_file: str, refused: Refused, desk: Path
) -> None:
    """Named, or found beside the file: what it says is never half taken."""
    (desk / name).write_text(text)
    words = "--preprocess hf:given.json" if name == "given.json" else ""
    refused(vit_file, {1, 2}, name, words=words)


def test_a_config_beside_the_file_is_not_read_where_something_is_said(
    vit_file: str, call: Call, desk: Path
) -> None:
    (desk / "preprocessor_config.json").write_text("Dear model,")
    done(call("tap", vit_file, "-o", "out.onnx", "--preprocess", "half"))
    assert load_manifest(desk / "out.onnx").preprocessing.mean == (0.5, 0.5, 0.5)
