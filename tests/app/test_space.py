"""The folder of a Space: what lies in it, and whose files it never touches."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
import yaml

from app.space_programs import program
from terminal import contents
from vitonnx.app import Limits, export_space
from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.errors import ModelFileError

Exported = Callable[[str], Path]

WHEEL = f"vitonnx-{version('vitonnx')}+space-py3-none-any.whl"
ALWAYS = {
    ".gitattributes",
    ".vitonnx-space",
    "Dockerfile",
    "README.md",
    "app.py",
    "requirements.txt",
    WHEEL,
}
# What the hub accepts: its documentation of a Space's header.
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
LONGEST_DESCRIPTION = 60


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Space of the models of the package."""
    folder = tmp_path_factory.mktemp("spaces") / "space"
    export_space(folder, demo_models())
    return folder


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def header(folder: Path) -> dict[str, Any]:
    before, head, _ = (folder / "README.md").read_text().split("---\n", 2)
    assert before == ""
    values: dict[str, Any] = yaml.safe_load(head)
    return values


def names(folder: Path) -> set[str]:
    return {name for name in contents(folder) if (folder / name).is_file()}


def test_all_files_are_there_and_listed(space: Path) -> None:
    assert names(space) == ALWAYS
    assert {*(space / ".vitonnx-space").read_text().split()} == ALWAYS - {".vitonnx-space"}


def test_the_header_is_one_of_the_hubs(space: Path) -> None:
    values = header(space)
    assert values["sdk"] == "docker"
    assert values["app_port"] == 7860
    assert {values["colorFrom"], values["colorTo"]} <= COLOURS
    assert 0 < len(values["short_description"]) <= LONGEST_DESCRIPTION
    assert values["pinned"] is False
    assert values["license"] == "apache-2.0"
    assert values["title"]
    assert len(values["emoji"]) == 1


def test_the_requirements_name_the_wheel_that_lies_there(space: Path) -> None:
    lines = (space / "requirements.txt").read_text().splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert wanted == [
        "--find-links .",
        f"vitonnx[app]=={version('vitonnx')}+space",
        f"gradio=={version('gradio')}",
    ]


def test_large_files_go_where_the_hub_wants_them(space: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copy(space / ".gitattributes", tmp_path)
    large = [WHEEL, "models/a.onnx", "models/2/a.onnx.data", "models/weights.bin"]
    asked = subprocess.run(
        ["git", "check-attr", "filter", *large, "README.md"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    found = [line.rsplit(": ", 1)[1] for line in asked.stdout.splitlines()]
    assert found == ["lfs"] * len(large) + ["unspecified"]


def test_the_program_has_the_models_and_their_limits(space: Path, desk: Path) -> None:
    said = program(space)
    assert said["MODELS"] == demo_models()
    assert said["LIMITS"] == Limits()
    assert list(desk.iterdir()) == []


@pytest.mark.parametrize(
    ("variables", "port"),
    [
        ({}, 7860),
        ({"PORT": "8011"}, 8011),
        ({"GRADIO_SERVER_PORT": "8017"}, 8017),
        ({"PORT": "8011", "GRADIO_SERVER_PORT": "8017"}, 8011),
    ],
)
def test_the_environment_may_say_another_port(
    variables: dict[str, str], port: int, space: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PORT", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert program(space)["PORT"] == port


def test_models_of_ones_own_come_along(exported: Exported, desk: Path) -> None:
    limits = Limits(upload=3 * 2**20, pixels=7_000_000, seconds=5, waiting=11, memory=13 * 2**20)
    models = {'a "quoted" | name': exported("plain"), **demo_models()}
    export_space("space", models, limits=limits, precision="fp32", threads=2)
    assert names(Path("space")) == ALWAYS | {"models/plain.onnx"}
    said = program(desk / "space")
    assert said["LIMITS"] == limits
    assert list(said["MODELS"]) == list(models)
    assert said["MODELS"] | demo_models() == said["MODELS"]
    copy = said["MODELS"]['a "quoted" | name']
    assert copy.read_bytes() == exported("plain").read_bytes()
    assert 'device="auto", threads=2, precision="fp32"' in Path("space/app.py").read_text()
    # Nobody has said what the licence of these weights is.
    assert header(Path("space"))["license"] == "other"
    assert "models/plain.onnx | not known |" in Path("space/README.md").read_text()


def test_models_of_one_file_name_keep_their_own_weights(exported: Exported, desk: Path) -> None:
    given = {}
    for kind, name in (("plain", "vit"), ("distilled", "vit"), ("pooled", "another")):
        (desk / kind).mkdir()
        given[kind] = desk / kind / f"{name}.onnx"
        # All three keep their weights in files of one name.
        ir.save(ir.load(exported(kind)), given[kind], external_data="weights.data")
    export_space("space", given)
    copies = program(desk / "space")["MODELS"]
    assert len({file.parent for file in copies.values()}) == 3
    picture = np.random.default_rng(5).integers(0, 256, (43, 61, 3), np.uint8)
    for kind, file in given.items():
        expected, found = (Engine(each).run(picture) for each in (file, copies[kind]))
        assert list(found) == list(expected)
        for output, value in expected.items():
            np.testing.assert_array_equal(found[output], value)


def test_weights_that_are_missing_are_named(exported: Exported, desk: Path) -> None:
    ir.save(ir.load(exported("plain")), desk / "vit.onnx", external_data="weights.data")
    (desk / "weights.data").unlink()
    with pytest.raises(ModelFileError, match=r"weights\.data"):
        export_space("space", {"vit": desk / "vit.onnx"})
    assert names(desk) == {"vit.onnx"}


def test_written_again_it_replaces_its_own_files_alone(exported: Exported, desk: Path) -> None:
    export_space("space", {"old": exported("plain"), **demo_models()})
    space, theirs = desk / "space", {"notes.txt": b"mine", ".git/config": b"theirs"}
    for name, content in theirs.items():
        (space / name).parent.mkdir(exist_ok=True)
        (space / name).write_bytes(content)
    (space / "app.py").write_text("changed")
    export_space("space", {"new": exported("distilled")})
    assert names(space) == ALWAYS | {"models/distilled.onnx", *theirs}
    assert {name: (space / name).read_bytes() for name in theirs} == theirs
    assert list(program(space)["MODELS"]) == ["new"]
