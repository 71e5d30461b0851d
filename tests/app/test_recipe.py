"""What the page says of how to make its files again, done."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from terminal import run
from vitonnx.app import Limits
from vitonnx.app._answers import Answers
from vitonnx.app._recipe import command_line, python_lines
from vitonnx.app._save import Saved, save
from vitonnx.app._visit import receive
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.probes import Distance, Heads, Probe, Rollout

CAT = Path(__file__).parents[2] / "examples" / "cat.jpg"
BOTH = ["scenes_vit", "scenes_dino"]


@pytest.fixture(scope="module")
def answers() -> Answers:
    engines = {name: Engine(file) for name, file in demo_models().items()}
    return Answers(engines, memory=10**8, reopen=lambda name: engines[name])


def saved(
    answers: Answers, name: str, models: Sequence[str], probe: Probe[Any], folder: Path
) -> Saved:
    """What the page writes; beside it lies the picture, as the visitor has it."""
    made = folder / "made"
    made.mkdir()
    visit = receive(CAT, name, answers.engines, Limits())
    shutil.copy(CAT, folder / visit.name)
    return save(answers, visit, list(models), probe, made)


def numbers(path: Path) -> Mapping[str, NDArray[Any]]:
    with np.load(path) as archive:
        return dict(archive)


def test_a_shallower_model_has_a_command_of_its_own(
    answers: Answers,
    exported: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Side by side it shows its last block, which has another number."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(exported("plain"), "shallow.onnx")
    engines = {"scenes_vit": answers.engines["scenes_vit"], "shallow": Engine("shallow.onnx")}
    both = Answers(engines, memory=10**8, reopen=lambda name: engines[name])
    made = saved(both, "cat.jpg", list(engines), Heads(block=4), tmp_path)
    deep, shallow = (file for file in made.files if file.suffix == ".npz")
    assert [line.split("--block ")[1][:2] for line in made.command.splitlines()] == ["4 ", "-1"]
    assert "block=4" in made.python
    assert "vx.Heads()" in made.python
    for line, ours in zip(made.command.splitlines(), (deep, shallow), strict=True):
        outcome = run(*shlex.split(line)[1:])
        assert outcome.code == 0, outcome.err
        found, expected = numbers(ours), numbers(tmp_path / ours.name)
        np.testing.assert_allclose(found["attention"], expected["attention"], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "models", "probe"),
    [
        ("cat.jpg", BOTH, Heads(block=2, query=(103, 211), mass=0.35)),
        ("my cat's 猫 $x^$.jpg", BOTH[1:], Rollout(fusion="max", discard=0.45)),
        ("--help.jpg", BOTH[:1], Heads(block=1, query="mean")),
        ("$HOME`id`;[a-c].jpg", BOTH, Distance()),
    ],
    ids=lambda value: type(value).__name__.lower() if not isinstance(value, str) else value,
)
def test_the_command_makes_the_same_file(
    name: str,
    models: list[str],
    probe: Probe[Any],
    answers: Answers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    made = saved(answers, name, models, probe, tmp_path)
    (ours,) = [file for file in made.files if file.suffix == ".npz"]
    program, *words = shlex.split(made.command)
    assert program == "vitonnx"
    outcome = run(*words)
    assert outcome.code == 0, outcome.err
    theirs = tmp_path / ours.name
    found, expected = numbers(ours), numbers(theirs)
    assert sorted(found) == sorted(expected)
    for key in found:
        if found[key].dtype.kind == "f":
            # The page asks for whole matrices, the command may compile the probe into the graph,
            # which adds in another order.
            np.testing.assert_allclose(found[key], expected[key], atol=2e-6, rtol=1e-5)
        else:
            np.testing.assert_array_equal(found[key], expected[key])


@pytest.mark.parametrize(
    "probe",
    [
        Heads(block=0, query=(40, 107)),
        Heads(block=3, query="cls", mass=0.6),
        Rollout(fusion="max", discard=0.9),
        Rollout(),
        Distance(),
    ],
    ids=repr,
)
def test_the_lines_of_python_find_the_same_numbers(
    probe: Probe[Any], answers: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = saved(answers, 'a "cat".jpg', BOTH, probe, tmp_path)
    (file,) = [each for each in made.files if each.suffix == ".npz"]
    found = numbers(file)
    told: dict[str, Any] = {}
    lines, results = made.python.split("\n"), []
    for line in lines:
        exec(line, told)
        if line.startswith("result."):
            results.append(eval(line.split("#")[0], told))
    key = {"heads": "attention", "rollout": "rollout", "distance": "mean"}[probe.name]
    expected = np.stack([np.asarray(result) for result in results])
    ours = np.asarray(found[key]).reshape(expected.shape)
    np.testing.assert_allclose(ours, expected, atol=2e-6, rtol=1e-5)  # as above


def test_no_folder_of_the_machine_is_told(tmp_path: Path) -> None:
    file = tmp_path / "my model.onnx"
    shutil.copy(demo_models()["scenes_vit"], file)
    engine = Engine(file)
    line = command_line(Heads(), [engine], "cat.jpg", "out.npz")
    lines = python_lines([(Heads(), engine)], "cat.jpg")
    assert "'my model.onnx'" in line
    assert '"my model.onnx"' in lines
    assert str(tmp_path) not in line + lines


def test_a_file_of_ones_own_that_is_called_as_ours_is_named_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "scenes_vit.onnx"
    shutil.copy(demo_models()["scenes_dino"], file)
    assert "scenes_vit.onnx cat.jpg" in command_line(Heads(), [Engine(file)], "cat.jpg", "o.npz")
    assert "demo_models" not in python_lines([(Heads(), Engine(file))], "cat.jpg")
