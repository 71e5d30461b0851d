"""Wrong calls end with exit code 2 and a sentence, before any work is done."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from terminal import Outcome, assert_refused, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("heads --block 2", ("no block 2", "0 to 1", "-2 to -1")),
        ("heads --block=-3", ("no block -3", "0 to 1", "-2 to -1")),
        ("heads --block last", ("--block 'last' is not a whole number",)),
        ("heads --block 1.5", ("--block '1.5' is not a whole number",)),
        ("heads --query dist", ("'dist'", "cls", "mean", "y,x")),
        ("heads --query 7", ("'7'", "y,x")),
        ("heads --query 7,", ("'7,'", "y,x")),
        ("heads --query 1,2,3", ("'1,2,3'", "y,x")),
        ("heads --query 1.5,2", ("'1.5,2'", "y,x")),
        ("heads --query ''", ("''", "y,x")),
        ("heads --mass 0", ("mass is 0", "0.6")),
        ("heads --mass 1.01", ("mass is 1.01", "0.6")),
        ("heads --mass -1", ("mass is -1", "0.6")),
        ("heads --mass nan", ("mass is nan", "0.6")),
        ("heads --mass much", ("--mass 'much' is not a number",)),
        ("rollout --fusion median", ("'median'", "mean, max, min")),
        ("rollout --discard 1", ("discard is 1", "less than 1")),
        ("rollout --discard=-0.1", ("discard is -0.1", "at least 0")),
        ("rollout --discard nan", ("discard is nan", "at least 0")),
        ("rollout --discard all", ("--discard 'all' is not a number",)),
        ("rollout --block 1", ("--block",)),
        ("heads --fusion max", ("--fusion",)),
        ("rollout --size 41x64", ("41x64", "patch size 8", "40x64")),
        ("rollout --size 0", ("0x0", "8x8")),
        ("rollout --size 8x", ("'8x'", "HEIGHTxWIDTH")),
        ("rollout --size 8x8x8", ("'8x8x8'", "HEIGHTxWIDTH")),
        ("rollout --size=-8", ("'-8'", "HEIGHTxWIDTH")),
        ("rollout --size huge", ("'huge'", "HEIGHTxWIDTH")),
        ("rollout --device tpu", ("'tpu'", "auto, cpu, cuda")),
        ("rollout --device cuda:x", ("'cuda:x'", "cuda:N")),
        ("rollout --threads 0", ("--threads", "1")),
        ("rollout --threads=-1", ("--threads", "1")),
        ("rollout --threads few", ("--threads",)),
    ],
)
def test_a_wrong_option(
    words: str, parts: tuple[str, ...], call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    probe, *options = shlex.split(words)
    outcome = call("probe", probe, exported("plain"), pictures / "landscape.png", *options)
    assert_refused(outcome, 2, *parts)
    assert not list(desk.iterdir())


def test_a_model_without_class_token_has_no_cls(
    call: Call, exported: Exported, pictures: Path
) -> None:
    outcome = call("probe", "heads", exported("pooled"), pictures, "--query", "cls")
    assert_refused(outcome, 2, "'cls'", "mean", "y,x")


@pytest.mark.parametrize("output", ["map.bmp", "map.jpeg", "map.onnx", ".png"])
def test_an_output_of_no_known_form(
    output: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    outcome = call("probe", "heads", exported("plain"), pictures, "-o", output)
    assert_refused(outcome, 2, output, ".png", ".pdf", ".svg", ".npz")
    assert not list(desk.iterdir())


@pytest.mark.parametrize("suffix", ["png", "npz"])
def test_an_output_in_a_missing_folder(
    suffix: str, call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    outcome = call("probe", "heads", exported("plain"), pictures, "-o", f"nowhere/map.{suffix}")
    assert_refused(outcome, 2, "nowhere", "does not exist", "Make it")
    assert not list(desk.iterdir())


def test_an_output_that_is_an_input_is_not_overwritten(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    photograph = (pictures / "landscape.png").read_bytes()
    (desk / "only-one.png").write_bytes(photograph)
    outcome = call(
        "probe", "heads", exported("plain"), pictures / "portrait.jpg", "only-one.png",
        "-o", "./only-one.png",
    )  # fmt: skip
    assert_refused(outcome, 2, "only-one.png", "lost", "elsewhere")
    assert contents(desk) == {"only-one.png": photograph}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_in_a_folder_without_permission(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    (desk / "theirs").mkdir(mode=0o555)
    outcome = call("probe", "heads", exported("plain"), pictures, "-o", "theirs/map.png")
    assert_refused(outcome, 1, "theirs/map.png", "permission", "elsewhere")
    assert contents(desk) == {"theirs": b"a folder"}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("", ("no model given", "vitonnx models", "--config")),
        ("dino_vits17", ("dino_vits17", "nearest", "dino_vits16", "vitonnx models")),
        ("dino_vits16 --weights random --size big", ("'big'", "HEIGHTxWIDTH")),
        ("dino_vits16 --weights random --seed -1", ("--seed", "0")),
        ("dino_vits16 --weights random --weights a.pth", ("random", "combined")),
        ("--config nowhere.json --weights random", ("nowhere.json", "JSON")),
        ("--config folder --weights random", ("folder", "JSON")),
        ("--config a.json", ("--config", "--weights")),
        (
            "dino_vits16 --weights random -o nowhere/x.onnx",
            ("nowhere", "does not exist", "Make it"),
        ),
        ("dino_vits16 --weights random -o folder", ("folder", "file name")),
        ("dino_vits16 --wieghts random", ("--wieghts", "--weights")),
    ],
)
def test_a_wrong_export(words: str, parts: tuple[str, ...], call: Call, desk: Path) -> None:
    (desk / "folder").mkdir()
    assert_refused(call("export", *words.split()), 2, *parts)
    assert contents(desk) == {"folder": b"a folder"}


def test_a_size_that_the_patches_do_not_fill(call: Call, described: str, desk: Path) -> None:
    before = contents(desk)
    outcome = call("export", "--config", described, "--weights", "random", "--size", "30x44")
    assert_refused(outcome, 2, "30x44", "patch size 8", "32x")
    assert contents(desk) == before


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("Dear model,", ()),
        ("[1, 2]", ()),
        ("{}", ()),
        ('{"model_type": "swin"}', ("swin", "vit")),
        ('{"architecture": "resnet50"}', ("resnet50", "vit")),
        ('{"name": "x", "patch_size": 8, "dimm": 21}', ("dimm",)),
        ('{"name": "x", "patch_size": "eight"}', ()),
    ],
)
def test_a_wrong_description(text: str, parts: tuple[str, ...], call: Call, desk: Path) -> None:
    (desk / "config.json").write_text(text)
    outcome = call("export", "--config", "config.json", "--weights", "random")
    assert_refused(outcome, 2, "config.json", *parts)
    assert list(contents(desk)) == ["config.json"]
