"""``vitonnx evaluate faithfulness``: its table, its files, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipes import slopes, with_recipe
from terminal import Outcome, assert_refused, environment

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

# The command as it is, but for how often it writes its state: at every chance.
EAGER = """
import sys
from vitonnx.cli import _counting, main
_counting.SAVE_EVERY_SECONDS, _counting.SAVING_SHARE = 0, 1
sys.exit(main(sys.argv[1:]))
"""
EVALUATE = ("evaluate", "faithfulness")


@pytest.fixture
def album(desk: Path) -> Path:
    """Three pictures, one of them deeper, with their masks."""
    for folder in ("album/deep", "masks/deep"):
        (desk / folder).mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "deep/c.png")):
        height, width = 61 + number, 83
        slopes(height, width).save(desk / "album" / name)
        mask = np.zeros((height, width), np.uint8)
        mask[20:40, 30:60] = 255
        Image.fromarray(mask).save((desk / "masks" / name).with_suffix(".png"))
    return desk / "album"


def test_the_table_the_numbers_and_the_figure(call: Call, exported: Exported, album: Path) -> None:
    words = ("--map", "heads:block=0", "--map", "heads:block=1,query=mean")
    outcome = call(
        *(*EVALUATE, exported("plain"), "album", *words, "--masks", "masks", "--sanity"),
        *("--steps", "10", "-o", "found.json", "-o", "found.svg"),
    )
    assert (outcome.code, outcome.errors) == (0, [])
    found = json.loads(Path("found.json").read_text())
    maps = ["heads:block=0", "heads:block=1,query=mean", "random", "centre"]
    assert list(found["measures"]) == maps
    assert found["pictures"] == 3
    lines = outcome.out.splitlines()
    assert lines[0].startswith("tiny_plain: faithfulness on 3 pictures")
    assert lines[-2:] == ["found.json", "found.svg"]
    for name in maps:
        (curves, masks) = (line for line in lines if line.startswith(f"{name} "))
        deletion = found["measures"][name]["deletion"]
        assert f" {100 * deletion['value']:.1f}  {100 * deletion['low']:.1f} to" in curves
        assert f"{100 * found['measures'][name]['mean IoU']['value']:.1f}" in masks
    for heading in ("deletion ↓", "insertion ↑", "positive ↓", "negative ↑", "pointing game ↑"):
        assert heading in outcome.out
    assert [line.split("  ")[0] for line in lines[-6:-2]] == [
        *("head", "block 01", "block 00", "patch embedding")
    ]
    assert Path("found.svg").read_text().startswith("<?xml")


def test_by_default_a_figure_of_heads_and_rollout(
    call: Call, exported: Exported, album: Path
) -> None:
    outcome = call(*EVALUATE, exported("plain"), "album", "--steps", "10", "--limit", "2", "-q")
    assert outcome.code == 0
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["heads", "rollout", "random", "centre"]
    assert lines[6:] == ["plain.faithfulness.png"]
    with Image.open("plain.faithfulness.png") as figure:
        assert min(figure.size) > 400


def test_bad_pictures_are_skipped_and_named(call: Call, exported: Exported, album: Path) -> None:
    (album / "b.jpg").write_text("Dear picture")
    (album.parent / "masks" / "deep" / "c.png").unlink()
    words = ("--steps", "10", "--masks", "masks", "-o", "found.json")
    outcome = call(*EVALUATE, exported("plain"), "album", *words)
    assert outcome.code == 1
    assert outcome.errors[0].startswith("album/b.jpg is not a picture")
    missing = "album/deep/c.png has no mask: masks/deep/c.png does not exist."
    assert outcome.errors[1:] == [missing, "2 of 3 pictures skipped; the others are done."]
    found = json.loads(Path("found.json").read_text())
    assert found["pictures"] == 1
    assert list(found["skipped"]) == ["album/b.jpg", "album/deep/c.png"]


def test_nothing_is_written_where_no_picture_is_good(
    call: Call, exported: Exported, album: Path
) -> None:
    for mask in (album.parent / "masks").rglob("*.png"):
        Image.new("L", (5, 7), 255).save(mask)
    words = ("--steps", "10", "--masks", "masks", "-o", "found.json")
    outcome = call(*EVALUATE, exported("plain"), "album", *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert "masks/a.png has 7x5 pixels and album/a.png 61x83" in outcome.errors[0]
    assert not Path("found.json").exists()


def test_without_head_the_embedding_judges(call: Call, exported: Exported, album: Path) -> None:
    outcome = call(*EVALUATE, exported("headless"), "album", "--steps", "10", "-o", "found.json")
    assert outcome.code == 0
    assert any("has no head: maps are judged by the cosine" in note for note in outcome.notes)
    found = json.loads(Path("found.json").read_text())
    assert list(found["measures"]["rollout"]) == ["deletion", "insertion"]
    assert found["score"] == "cosine with the whole picture"
    assert "positive" not in outcome.out


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--map", "rolout"], ["'rolout'", "Did you mean rollout?"]),
        (["--map", "pca"], ["pca gives no map", "rollout"]),
        (["--map", "random"], ["there is no probe 'random'"]),
        (["--map", "heads:block"], ["--map heads:block", "write option=value"]),
        (["--map", "heads:"], ["--map heads: sets nothing"]),
        (["--map", "heads:fusion=max"], ["--map heads:fusion=max", "no option fusion"]),
        (["--map", "heads", "--map", "heads"], ["--map heads is given twice"]),
        (["--map", "heads:block=9"], ["9"]),
        (["--steps", "15"], ["15", "multiple of 10"]),
        (["--fill", "white"], ["'white'", "mean, blur, black"]),
        (["--masks", "nowhere"], ["no folder of masks nowhere"]),
        (["-o", "found.npz"], ["found.npz", ".json for all numbers"]),
        (["-o", "found.json", "-o", "found.json"], ["found.json", "two files of this call"]),
        (["-o", "s.json", "--resume", "s.json"], ["s.json", "two files of this call"]),
        (["-o", "album/a.png"], ["album/a.png", "input"]),
    ],
    ids=lambda each: " ".join(each) if "-" in each[0] else "",
)
def test_a_bad_call_is_refused(
    words: list[str], parts: list[str], call: Call, exported: Exported, album: Path
) -> None:
    outcome = call(*EVALUATE, exported("plain"), "album", *words)
    assert_refused(outcome, 2, *parts)
    assert not list(album.parent.glob("*.*"))


def test_models_that_cannot_be_checked_are_refused(
    call: Call, exported: Exported, album: Path
) -> None:
    with_recipe(exported("plain"), Path("own.onnx"), resize=None, crop=1, multiple=8)
    outcome = call(*EVALUATE, "own.onnx", "album", "--steps", "10")
    assert_refused(outcome, 2, "--size 40x56")
    outcome = call(*EVALUATE, "own.onnx", "album", "--steps", "10", "--size", "40x56", "-q")
    assert outcome.code == 0


@pytest.mark.load
def test_killed_at_any_moment_it_ends_with_the_same_bits(
    call: Call, exported: Exported, desk: Path, load: bool
) -> None:
    (desk / "many").mkdir()
    for number in range(60):
        slopes(50 + number, 83).save(desk / "many" / f"{number}.png")
    (desk / "many" / "7.png").write_text("Dear picture")
    usual = [*EVALUATE, str(exported("plain")), "many", "--steps", "10", "--sanity", "--quiet"]
    usual += ["--map", "rollout"]

    def start(*more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", EAGER, *usual, *more],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def position() -> int:
        if not Path("state.json").exists():
            return 0
        surveys = json.loads(Path("state.json").read_text())["state"]["surveys"]
        return sum(int(found["position"]) for found in surveys)

    assert call(*usual, "-o", "whole.json").code == 1
    resumed, positions = ("--resume", "state.json", "-o", "resumed.json"), []
    for _ in range(8 if load else 2):
        before = position()
        process = start(*resumed)
        try:
            deadline = time.monotonic() + 60
            while position() <= before + 20 and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.002)
        finally:
            process.kill()
            process.communicate()
        if process.returncode != -signal.SIGKILL:
            break
        assert not Path("resumed.json").exists()
        positions.append(position())
    assert positions
    assert positions == sorted(set(positions))
    last = start(*resumed)
    _, err = last.communicate(timeout=100)
    assert last.returncode == 1, err
    assert Path("resumed.json").read_bytes() == Path("whole.json").read_bytes()
    assert not [name for name in os.listdir() if name.startswith(".")]  # noqa: PTH208
    # What is asked differently is another run.
    other = call(*usual, "--fill", "black", *resumed)
    assert_refused(other, 2, "the fill was mean and is now black")
