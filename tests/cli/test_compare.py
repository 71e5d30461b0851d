"""Several models on the same pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from terminal import Outcome, assert_plain, assert_refused, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]
PROBES: dict[str, vx.Heads | vx.Rollout] = {"heads": vx.Heads(mass=0.6), "rollout": vx.Rollout()}


@pytest.fixture
def square(exported: Exported, tmp_path: Path) -> Path:
    """A model of another grid, 5 x 5, and so of another crop."""
    from onnx_ir import load, save

    from vitonnx.graph import Regrid

    model = load(exported("headless"))
    Regrid((40, 40))(model)
    save(model, tmp_path / "square.onnx")
    return tmp_path / "square.onnx"


@pytest.mark.parametrize("probe", PROBES)
def test_arrays_have_the_models_first(
    probe: str, call: Call, exported: Exported, pictures: Path
) -> None:
    kinds = ["registers", "pooled", "distilled"]  # 5, 0 and 2 prefix tokens
    first, *others = [exported(kind) for kind in kinds]
    words = [word for other in others for word in ("--compare", other)]
    words += ["--mass", "0.6"] if probe == "heads" else []
    outcome = call("probe", probe, first, pictures, *words, "-o", "maps.npz")
    assert (outcome.code, outcome.out) == (0, "maps.npz\n")
    files = sorted(pictures.iterdir())
    with np.load("maps.npz", allow_pickle=False) as found:
        arrays = ["attention", "mean", "mask"] if probe == "heads" else ["rollout"]
        assert set(found) == {"models", *arrays, "crop", "files", "skipped"}
        assert found["models"].tolist() == [f"tiny_{kind}" for kind in kinds]
        assert found["files"].tolist() == list(map(str, files))
        assert found["crop"].shape == (3, 2, 4)
        for index, kind in enumerate(kinds):
            expected = vx.Engine(exported(kind), device="cpu").probe(files, PROBES[probe])
            for name in arrays:
                stacked = [getattr(result, name) for result in expected]
                np.testing.assert_array_equal(found[name][index], stacked)


@pytest.mark.parametrize("probe", PROBES)
def test_a_figure_a_picture(
    probe: str, call: Call, exported: Exported, pictures: Path, square: Path, desk: Path
) -> None:
    outcome = call("probe", probe, exported("plain"), pictures, "--compare", square)
    names = [f"landscape.{probe}.png", f"portrait.{probe}.png"]
    assert (outcome.code, outcome.out.splitlines()) == (0, names)
    call("probe", probe, exported("plain"), pictures / "portrait.jpg", "-o", "alone.png")
    with Image.open(desk / names[1]) as both, Image.open(desk / "alone.png") as alone:
        assert both.width > 300
        assert both.tobytes() != alone.tobytes()
    sheet = call("probe", probe, exported("plain"), pictures, "--compare", square, "-o", "s.pdf")
    assert (sheet.code, sheet.out) == (0, "s.pdf\n")
    assert sum("mean nothing" in note for note in sheet.notes) == 1


def test_what_is_untrained_is_named(call: Call, exported: Exported, pictures: Path) -> None:
    words = "probe", "rollout", exported("plain"), pictures, "--compare", exported("pooled")
    assert (
        "the weights of tiny_plain, tiny_pooled are random: "
        "the maps of an untrained model mean nothing." in call(*words).notes
    )
    assert call(*words, "--quiet").err == ""


@pytest.mark.parametrize(
    ("probe", "parts"),
    [("heads", ["3 heads, 5x7 patches", "3 heads, 5x5 patches"]), ("rollout", ["5x7", "5x5"])],
)
def test_other_grids_are_not_stacked(
    probe: str,
    parts: list[str],
    call: Call,
    exported: Exported,
    pictures: Path,
    square: Path,
    desk: Path,
) -> None:
    words = "probe", probe, exported("plain"), pictures, "--compare", square, "-q", "-o", "m.npz"
    outcome = call(*words)
    assert_refused(outcome, 2, "tiny_plain", "tiny_headless", ".npz", *parts)
    assert not contents(desk)
    # At one size they have one grid.
    assert call(*words, "--size", "48x72").code == 0


def test_a_picture_is_bad_for_all(
    call: Call, exported: Exported, pictures: Path, square: Path, desk: Path
) -> None:
    """Of the landscape the square model sees columns 250 to 649, the other 170 to 729."""
    words = "--compare", square, "--query", "300,200"
    outcome = call("probe", "heads", exported("plain"), pictures, *words)
    assert (outcome.code, outcome.out) == (1, "portrait.heads.png\n")
    assert len(outcome.errors) == 2
    assert "x 200 lies outside the crop" in outcome.errors[0]
    assert outcome.errors[1] == "1 of 2 pictures skipped; the others are done."
    for error in outcome.errors:
        assert_plain(error)
    assert set(contents(desk)) == {"portrait.heads.png"}


def test_skipped_pictures_are_listed(
    call: Call, exported: Exported, pictures: Path, bad: Path
) -> None:
    inputs = [bad / "text.png", pictures / "portrait.jpg"]
    words = "--compare", exported("pooled"), "-o", "maps.npz"
    outcome = call("probe", "rollout", exported("plain"), *inputs, *words)
    assert (outcome.code, outcome.out, len(outcome.errors)) == (1, "maps.npz\n", 2)
    with np.load("maps.npz") as found:
        assert found["rollout"].shape == (2, 1, 5, 7)
        assert found["skipped"].tolist() == [str(bad / "text.png")]
        assert found["files"].tolist() == [str(pictures / "portrait.jpg")]


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        ("--compare MODEL", 2, ["given twice"]),
        ("--compare none.onnx", 1, ["no file none.onnx"]),
        ("--compare nonsense", 2, ["nonsense", "vitonnx models"]),
        ("--compare OTHER --query dist", 2, ["tiny_pooled: ", "'dist'", "mean"]),
        ("--compare text", 1, ["text"]),
    ],
)
def test_bad_calls(
    words: str,
    code: int,
    parts: list[str],
    call: Call,
    exported: Exported,
    pictures: Path,
    desk: Path,
) -> None:
    (desk / "text").write_text("Dear model")
    shutil.copy(pictures / "portrait.jpg", desk)
    before = contents(desk)
    names = {"MODEL": exported("distilled"), "OTHER": exported("pooled")}
    words_of = [names.get(word, word) for word in words.split()]
    outcome = call("probe", "heads", names["MODEL"], "portrait.jpg", "-q", *words_of)
    assert_refused(outcome, code, *parts)
    assert contents(desk) == before
