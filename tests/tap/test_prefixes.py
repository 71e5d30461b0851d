"""Prefix tokens are called after what the head reads, where nobody says what they are."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from foreign_vit import ForeignViT
from foreign_ways import WAYS
from tapping import Call, Refused, Tapped, done
from vitonnx.modelfile import load_manifest
from vitonnx.tap._prefix import name_prefix


def test_a_head_that_reads_the_first_token_reads_the_class_token(tapped: Tapped) -> None:
    names = load_manifest(tapped(WAYS["registers"])).prefix_tokens
    assert names == ("cls", "reg0", "reg1", "reg2", "reg3")


def test_tokens_that_no_head_reads_are_registers(call: Call, desk: Path) -> None:
    onnx.save(ForeignViT(prefix=5, readout="mean").model(), "model.onnx")
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    done(outcome)
    assert "by what the head reads: say --prefix where they are others" in outcome.err
    names = load_manifest(desk / "out.onnx").prefix_tokens
    assert names == ("reg0", "reg1", "reg2", "reg3", "reg4")
    # A map of the class token of a model that has none would be a map of a register.
    assert call("probe", "rollout", "out.onnx", "missing.png").code != 0


def test_a_class_token_behind_its_registers() -> None:
    names, guess = name_prefix(3, None, None, frozenset({2}))
    assert names == ("reg0", "reg1", "cls")
    assert guess is not None


def test_two_that_are_read_are_class_and_distillation() -> None:
    assert name_prefix(2, None, None, frozenset({0, 1}))[0] == ("cls", "dist")
    assert name_prefix(2, None, None, None)[0] == ("cls", "dist")


def test_a_single_token_is_the_class_token() -> None:
    assert name_prefix(1, None, None, frozenset()) == (("cls",), None)
    assert name_prefix(0, None, None, None) == ((), None)


def test_who_says_names_is_believed(call: Call, desk: Path) -> None:
    onnx.save(ForeignViT(prefix=2).model(), "model.onnx")
    said = ["--preprocess", "imagenet", "--prefix", " cls , reg0"]
    done(call("tap", "model.onnx", "-o", "out.onnx", *said))
    assert load_manifest(desk / "out.onnx").prefix_tokens == ("cls", "reg0")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("cls,cls", "names cls twice"),
        ("cls, cls", "names cls twice"),
        ("cls,", "empty name"),
        ("cls", "names 1 tokens, and the model has 2"),
    ],
)
def test_names_that_tell_no_tokens_apart(
    names: str, words: str, refused: Refused, desk: Path
) -> None:
    onnx.save(ForeignViT(prefix=2).model(), desk / "model.onnx")
    outcome_words = f"--preprocess imagenet --prefix {names.replace(' ', '')}"
    refused("model.onnx", 2, words, words=outcome_words)
