"""``vitonnx app --export-space``: what is printed, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from app.space_programs import program
from terminal import Outcome, assert_refused, contents, interrupt

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]


def test_the_command_prints_the_folder_and_what_to_type_next(call: Call, desk: Path) -> None:
    outcome = call("app", "--export-space", "my space", "--seconds", "5", "--upload", "3")
    assert (outcome.code, outcome.out) == (0, "my space\n")
    tried, pushed = outcome.notes
    assert "pip install -r 'my space/requirements.txt' && python 'my space/app.py'" in tried
    assert "hf upload USER/NAME 'my space' . --repo-type space" in pushed
    limits = program(desk / "my space")["LIMITS"]
    assert (limits.seconds, round(limits.upload / 1e6)) == (5, 3)
    outcome = call("app", "--export-space", "my space", "scenes_dino", "--quiet")
    assert (outcome.code, outcome.out, outcome.err) == (0, "my space\n", "")
    assert list(program(desk / "my space")["MODELS"]) == ["scenes_dino"]


def test_names_are_those_of_the_page(exported: Exported, call: Call, desk: Path) -> None:
    for folder in ("a", "b"):
        (desk / folder).mkdir()
        shutil.copy(exported("plain"), desk / folder / "vit.onnx")
    assert call("app", "a/vit.onnx", "b/vit.onnx", "--export-space", "space").code == 0
    models = program(desk / "space")["MODELS"]
    assert list(models) == ["vit.onnx", "vit.onnx (2)"]
    assert {file.relative_to(desk).as_posix() for file in models.values()} == {
        "space/models/vit.onnx",
        "space/models/2/vit.onnx",
    }


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["--export-space", "theirs"], 2, ["theirs holds files", "empty"]),
        (["--export-space", "file"], 2, ["can't make the folder file"]),
        (["--export-space", "file/space"], 2, ["can't make the folder file/space"]),
        (["--export-space", "s", "--host", "0.0.0.0"], 2, ["--host", "--export-space", "hub"]),
        (["--export-space", "s", "--port", "8000"], 2, ["--port", "--export-space"]),
        (["--export-space", "s", "--auth", "file"], 2, ["--auth", "--export-space"]),
        (["--export-space", "s", "--seconds", "0"], 2, ["seconds"]),
        (["--export-space", "s", "nowhere.onnx"], 1, ["nowhere.onnx"]),
        (["--export-space", "s", "scenes_dyno"], 2, ["scenes_dyno"]),
        (["--export-space", "s", "file"], 1, ["file"]),
    ],
)
def test_what_can_not_be_is_said_in_a_sentence(
    words: list[str], code: int, parts: list[str], call: Call, desk: Path
) -> None:
    (desk / "theirs").mkdir()
    (desk / "theirs/notes.txt").write_text("mine")
    (desk / "file").write_text("mine")
    before = contents(desk)
    assert_refused(call("app", *words), code, *parts)
    assert contents(desk) == before


def test_ctrl_c_leaves_nothing(desk: Path) -> None:
    def begun() -> bool:
        return any(path.name.startswith(".") for path in desk.iterdir())

    outcome = interrupt(["app", "--export-space", "space"], begun)
    assert outcome == Outcome(130, "", "error: interrupted.\n")
    assert list(desk.iterdir()) == []
