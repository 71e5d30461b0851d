"""``attribution`` as a person asks it: of pictures, videos, reports and baked files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import tiny_models as tiny
import vitonnx as vx
from media.video_files import even, frames, look, write_video
from terminal import Outcome, assert_refused, contents
from vitonnx.export import export_model

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

ASK = ("probe", "attribution")
# The quickest to plan.
QUICK = ("--method", "gradient", "--device", "cpu", "--quiet")
NAMES = ("crane", "cat, house cat", "CRANE", "dog", "maillot", "maillot, tank suit", *"uvwxy")


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three pictures; the first two and the third are of two classes."""
    folder = tmp_path_factory.mktemp("noise")
    drawn = np.random.default_rng(0).integers(0, 256, (3, 40, 56, 3), np.uint8)
    paths = [folder / f"{number}.png" for number in range(3)]
    for path, picture in zip(paths, drawn, strict=True):
        Image.fromarray(picture).save(path)
    return paths


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with names of classes, some of which are names of two."""
    file = tmp_path_factory.mktemp("named") / "named.onnx"
    export_model(replace(tiny.spec(), classes=NAMES), file, weights=7)
    return file


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(name) as stored:
        return dict(stored)


def test_arrays_of_one_target(exported: Exported, noise: list[Path], call: Call) -> None:
    assert call(*ASK, exported("plain"), *noise, "-o", "o.npz", *QUICK).code == 0
    found = load("o.npz")
    assert {name: (each.shape, each.dtype.kind) for name, each in found.items()} == {
        "attribution": ((3, 5, 7), "f"),
        "target": ((3,), "i"),
        "score": ((3,), "f"),
        "probability": ((3,), "f"),
        "crop": ((3, 4), "f"),
        "files": ((3,), "U"),
        "skipped": ((0,), "U"),
    }
    assert (found["attribution"].dtype.name, found["target"].dtype.name) == ("float32", "int64")
    engine = vx.Engine(exported("plain"), device="cpu")
    logits = engine.run(noise)["logits"]
    np.testing.assert_array_equal(found["target"], logits.argmax(1))
    assert len(set(found["target"].tolist())) == 2
    np.testing.assert_allclose(found["score"], logits.max(1), rtol=1e-5)


def test_targets_by_all_their_names(named: Path, noise: list[Path], call: Call) -> None:
    words = ("--target", "HOUSE cat", "--class", "3", "--class", "predicted", "--target", "CRANE")
    assert call(*ASK, named, *noise, "none.png", *words, "-o", "o.npz", *QUICK).code == 1
    found = load("o.npz")
    best = vx.Engine(named, device="cpu").run(noise)["logits"].argmax(1)
    assert found["target"].tolist() == [[1, 3, number, 2] for number in best]
    assert found["attribution"].shape == (3, 4, 5, 7)
    assert found["skipped"].tolist() == ["none.png"]
    for place in range(3):
        assert (
            call(*ASK, named, *noise, *words[2 * place : 2 * place + 2], "-o", "a.npz", *QUICK).code
            == 0
        )
        for name in ("attribution", "target", "score", "probability"):
            np.testing.assert_allclose(
                found[name][:, place], load("a.npz")[name], rtol=2e-5, atol=1e-7
            )


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("Crane", ["0", "2", "number"]),
        ("maillot", ["4", "5", "number"]),
        ("hose cat", ["cat, house cat", "0 to 10"]),
        ("11", ["0 to 10"]),
        ("-1", ["0 to 10"]),
        ("", ["0 to 10"]),
        ("embedding:none.png", ["none.png"]),
        ("embedding:", ["embedding:"]),
        ("input", ["baked"]),
        ("first", ["no class 'first'"]),
    ],
)
@pytest.mark.parametrize("pictures", [1, 2])
def test_targets_that_can_not_be(
    target: str,
    parts: list[str],
    pictures: int,
    named: Path,
    noise: list[Path],
    call: Call,
    desk: Path,
) -> None:
    outcome = call(*ASK, named, *noise[:pictures], f"--target={target}", "-o", "o.npz", *QUICK)
    assert_refused(outcome, 1 if target == "embedding:none.png" else 2, *parts)
    assert contents(desk) == {}


def test_a_likeness(exported: Exported, noise: list[Path], call: Call, desk: Path) -> None:
    words = ("--target", f"embedding:{noise[1]}")
    for pictures in (noise, noise[:1]):
        outcome = call(*ASK, exported("headless"), *pictures, *words, "-o", "o.npz", *QUICK)
        assert (outcome.code, outcome.out, outcome.err) == (0, "o.npz\n", "")
        found = load("o.npz")
        assert found["target"].tolist() == [-1] * len(pictures)
        assert np.isnan(found["probability"]).all()
        if len(pictures) == 3:
            np.testing.assert_allclose(found["score"][1], 1, atol=1e-5)
            assert found["score"][0] < 0.999
    assert call(*ASK, exported("headless"), noise[0], *words, "-o", "o.png", *QUICK).code == 0


@pytest.mark.parametrize("words", [(), ("--target", "3"), ("--target", "cat")])
def test_a_file_without_a_head(
    words: tuple[str, ...], exported: Exported, noise: list[Path], call: Call, desk: Path
) -> None:
    outcome = call(*ASK, exported("headless"), *noise, *words, "-o", "o.npz", *QUICK)
    assert_refused(outcome, 2, "no head", "embedding:PICTURE")
    assert contents(desk) == {}


def test_models_side_by_side(exported: Exported, noise: list[Path], call: Call, desk: Path) -> None:
    both = (exported("plain"), *noise, "--compare", exported("registers"))
    assert call(*ASK, *both, "--target=4", "--target=2", "-o", "o.npz", *QUICK).code == 0
    assert load("o.npz")["attribution"].shape == (2, 3, 2, 5, 7)
    outcome = call(
        *(*ASK, exported("plain"), *noise, "--compare", exported("headless"), "-o", "x.npz", *QUICK)
    )
    assert_refused(outcome, 2, "tiny_headless", "no head")
    assert sorted(contents(desk)) == ["o.npz"]


def test_two_targets_are_drawn_side_by_side(named: Path, noise: list[Path], call: Call) -> None:
    sides = {}
    for name, words in (("one", ["--target=1"]), ("two", ["--target=1", "--target=dog"])):
        assert call(*ASK, named, noise[0], *words, "-o", f"{name}.png", *QUICK).code == 0
        with Image.open(f"{name}.png") as drawn:
            sides[name] = drawn.size
    assert sides["two"][0] > 1.2 * sides["one"][0]


def test_sizes_and_plans(exported: Exported, noise: list[Path], call: Call, desk: Path) -> None:
    more = ("--size", "24x88", "-o", "o.npz", *QUICK)
    assert call(*ASK, exported("distilled"), *noise, *more).code == 0
    assert load("o.npz")["attribution"].shape == (3, 3, 11)
    outcome = call(*ASK, exported("plain"), noise[0], "--explain", "--device", "cpu")
    assert outcome.code == 0
    assert "in the graph: attribution" in outcome.out


def test_an_operator_without_a_rule(
    exported: Exported, noise: list[Path], call: Call, desk: Path
) -> None:
    model = onnx.load(exported("plain"))
    (node,) = (each for each in model.graph.node if each.name == "block_01/mlp/gelu")
    node.op_type = "Atan"
    onnx.save(model, "atan.onnx")
    before = contents(desk)
    outcome = call(*ASK, "atan.onnx", *noise, "-o", "o.npz", *QUICK)
    assert_refused(outcome, 2, "Atan", "block_01/mlp/gelu")
    assert contents(desk) == before


# Videos.


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("walk") / "walk.mp4", frames(5), even(5))


def test_a_video_asks_about_its_first_frame(exported: Exported, walk: Path, call: Call) -> None:
    usual = ("probe", "video", exported("plain"), walk, "--probe", "attribution:method=gradient")
    outcome = call(*usual, "-o", "o.mp4", "--device", "cpu")
    assert outcome.code == 0
    assert len([each for each in outcome.notes if "first frame" in each]) == 1
    first = Image.fromarray(np.asarray(frames(5)[0]))
    (result,) = vx.Engine(exported("plain"), device="cpu").probe([first], vx.Attribution())
    more = ("--target", str(int(result.target)), "-o", "asked.mp4", "--device", "cpu")
    outcome = call(*usual, *more)
    assert outcome.code == 0
    assert not [each for each in outcome.notes if "first frame" in each]
    seen, asked = (look(Path(name)).pictures for name in ("o.mp4", "asked.mp4"))
    assert len(seen) == len(asked) == 5
    for one, other in zip(seen, asked, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 1
    assert_refused(call(*usual, "--target=1", "--target=2", "-o", "x.mp4"), 2, "one target")


def test_a_video_of_a_file_without_a_head(
    exported: Exported, walk: Path, call: Call, desk: Path
) -> None:
    words = ("probe", "video", exported("headless"), walk, "--probe", "attribution", "-o", "o.mp4")
    assert_refused(call(*words, "--device", "cpu", "--quiet"), 2, "no head", "embedding:PICTURE")
    assert contents(desk) == {}


# Baked files.


def test_a_baked_file_with_the_class_as_an_input(exported: Exported, call: Call) -> None:
    asked = "attribution:target=input,method=gradient"
    outcome = call("bake", exported("plain"), "--probe", asked, "-o", "o.onnx")
    assert outcome.code == 0
    (note,) = [each for each in outcome.notes if "target" in each]
    assert "int64" in note
    (said,) = (e.value for e in onnx.load("o.onnx").metadata_props if e.key == "vitonnx.baked")
    assert json.loads(said)["probes"]["attribution"]["target"] == "input"


@pytest.mark.parametrize("flag", ["--target", "--class"])
def test_bake_takes_both_names_of_the_option(flag: str, exported: Exported, call: Call) -> None:
    words = ("--probe", "attribution:method=gradient", flag, "3", "-o", "o.onnx", "--quiet")
    assert call("bake", exported("plain"), *words).code == 0


def test_a_baked_likeness(exported: Exported, noise: list[Path], call: Call) -> None:
    asked = f"attribution:method=gradient,target=embedding:{noise[0]}"
    outcome = call("bake", exported("headless"), "--probe", asked, "-o", "o.onnx", "--quiet")
    assert outcome.code == 0, outcome


@pytest.mark.parametrize(
    ("kind", "target", "part"),
    [("plain", "11", "0 to 10"), ("plain", "first", "no class"), ("headless", "3", "no head")],
)
def test_bake_refuses(
    kind: str, target: str, part: str, exported: Exported, call: Call, desk: Path
) -> None:
    asked = f"attribution:target={target}"
    outcome = call("bake", exported(kind), "--probe", asked, "-o", "o.onnx")
    assert_refused(outcome, 2, part)
    assert contents(desk) == {}
