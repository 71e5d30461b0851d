"""Prefix tokens are called after what the head reads, where nobody says what they are."""

from __future__ import annotations

from pathlib import Path

import onnx
import onnx_ir as ir
import pytest

from tap.foreign_vit import ForeignViT
from tap.foreign_ways import WAYS
from tap.tapping import Call, Refused, Tapped, done
from vitonnx.modelfile import load_manifest
from vitonnx.tap._find_patches import Patches
from vitonnx.tap._naming import name_prefix


def test_a_head_that_reads_the_first_token_reads_the_class_token(tapped: Tapped) -> None:
    names = load_manifest(tapped(WAYS["registers"])).prefix_tokens
    assert names == ("cls", "reg0", "reg1", "reg2", "reg3")


def test_tokens_that_no_head_reads_are_registers(call: Call, desk: Path) -> None:
    onnx.save(ForeignViT(prefix=4, places=False, readout="mean").model(), "model.onnx")
    outcome = call("tap", "model.onnx", "-o", "out.onnx", "--preprocess", "imagenet")
    done(outcome)
    assert "by what the head reads: give --prefix if that is wrong" in outcome.err
    names = load_manifest(desk / "out.onnx").prefix_tokens
    assert names == ("reg0", "reg1", "reg2", "reg3")
    # A map of the class token of a model that has none would be a map of a register.
    assert call("probe", "rollout", "out.onnx", "missing.png").code != 0


def patches(prefix: int, placed: int | None) -> Patches:
    """Fifteen patches behind some tokens, some of which have positions."""
    node = None if placed is None else ir.node("Add", [ir.Value(name="x"), ir.Value(name="y")])
    return Patches(8, True, (3, 5), prefix, None, node, 15 + (placed or 0))


@pytest.mark.parametrize(
    ("prefix", "placed", "read", "names"),
    [
        (3, 1, {2}, "reg0 reg1 cls"),
        (2, 2, {0, 1}, "cls dist"),
        (2, 2, None, "cls dist"),
        (5, 1, None, "cls reg0 reg1 reg2 reg3"),
        (5, None, set(), "cls reg0 reg1 reg2 reg3"),  # timm's DINOv3, which takes the mean
        (5, 0, set(), "cls reg0 reg1 reg2 reg3"),
        (4, 0, set(), "reg0 reg1 reg2 reg3"),  # reg4_gap
        (1, 0, set(), "reg0"),  # reg1_gap
        (1, None, set(), "cls"),  # BEiT, whose head takes the mean
        (1, 1, set(), "cls"),  # MAE, fine-tuned with the mean
        (2, 1, set(), "cls reg0"),
    ],
)
def test_what_is_read_and_what_has_positions(
    prefix: int, placed: int | None, read: set[int] | None, names: str
) -> None:
    known = None if read is None else frozenset(read)
    found, guess = name_prefix(patches(prefix, placed), None, None, known)
    assert found == tuple(names.split())
    assert guess is not None  # nobody said so


def test_a_single_token_that_is_read_is_the_class_token() -> None:
    assert name_prefix(patches(1, 1), None, None, frozenset({0})) == (("cls",), None)
    assert name_prefix(patches(1, 1), None, None, None) == (("cls",), None)
    assert name_prefix(patches(0, 0), None, None, None) == ((), None)


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
        ("cls", "names 1 tokens, but the model has 2"),
    ],
)
def test_names_that_tell_no_tokens_apart(
    names: str, words: str, refused: Refused, desk: Path
) -> None:
    onnx.save(ForeignViT(prefix=2).model(), desk / "model.onnx")
    outcome_words = f"--preprocess imagenet --prefix {names.replace(' ', '')}"
    refused("model.onnx", 2, words, words=outcome_words)
