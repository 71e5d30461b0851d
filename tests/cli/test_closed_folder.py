"""A folder that can't be written is refused before the work, whoever names the results."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from cli.closed_folders import closed
from media.video_files import frames, write_video
from terminal import Outcome, assert_refused, contents

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

# None of them has a model: who had begun to work would miss it.
COMMANDS = {
    "probe heads none.onnx bird.png": "bird.heads.png",
    "probe rollout none.onnx .": "bird.rollout.png",
    "probe rollout none.onnx . -o x.npz": "x.npz",
    "probe distance none.onnx .": "none.distance.png",
    "probe distance none.onnx . --compare other.onnx": "none-other.distance.png",
    "probe distance none.onnx . -o ../open/x.npz --resume state.json": "state.json",
    "probe rollout none.onnx . -o rows": "rows",
    "probe pca none.onnx . -o x.parquet": "x.parquet",
    "probe distance none.onnx . --shard 0/2 -o x.part": "x.part",
    "embed none.onnx . -o rows": "rows",
    "embed none.onnx . -o x.parquet": "x.parquet",
    "embed none.onnx . -o x.npz": "x.npz",
    "embed none.onnx . -o ../open/x.parquet --resume state.json": "state.json",
    "probe filters none.onnx": "none.filters.png",
    "probe positions dino_vits16": "dino_vits16.positions.png",
    "probe video none.onnx walk.mp4": "walk.heads.mp4",
    "report none.onnx .": "none.report.html",
    "export dino_vits16 --weights random": "dino_vits16.onnx",
    "export dino_vits16 --weights random --precision int8": "dino_vits16.onnx",
    "bake none.onnx --probe rollout -o x.onnx": "x.onnx",
    "tap none.onnx -o x.onnx": "x.onnx",
    "demo": "vitonnx-demo",
    "demo --evaluate -o .": "error: can't write .",
}


@pytest.fixture
def here(
    desk: Path, call: Call, exported: Exported, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A folder with a picture and a video, in which nobody may write anything."""
    Image.new("RGB", (71, 53)).save("bird.png")
    write_video(desk / "walk.mp4", frames(2))
    with closed(desk) as folder:
        (folder.parent / "open").mkdir(mode=0o777)
        monkeypatch.chdir(folder)
        yield folder


@pytest.mark.parametrize("line", COMMANDS)
def test_it_is_refused_at_once(line: str, here: Path, call: Call) -> None:
    before = contents(here)
    outcome = call(*line.split())
    assert_refused(outcome, 1)
    assert COMMANDS[line] in outcome.err
    assert "permission" in outcome.err.lower()
    assert contents(here) == before


@pytest.mark.parametrize("probe", ["heads", "distance"])
def test_what_writes_nothing_is_not_refused(probe: str, here: Path, call: Call) -> None:
    """It goes on, and misses the model."""
    outcome = call("probe", probe, "none.onnx", "bird.png", "--explain")
    assert_refused(outcome, 1, "There is no file none.onnx")


def test_training_looks_before_it_reads(call: Call, desk: Path) -> None:
    (desk / "file").write_text("mine")
    assert_refused(call("train", "nowhere", "-o", "file"), 2, "can't make the folder file")


def test_a_figure_replaces_no_picture(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    """Named pictures may have the names that figures get."""
    shutil.copy(pictures / "landscape.png", "a.png")
    shutil.copy(pictures / "landscape.png", "a.heads.png")
    before = contents(desk)
    outcome = call("probe", "heads", exported("plain"), "a.heads.png", "a.png")
    assert_refused(outcome, 2, "can't write a.heads.png: it is one of the inputs")
    assert contents(desk) == before


def test_pictures_of_one_name_have_numbers_whichever_are_bad(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    for name in ("one", "two", "three"):
        (desk / name).mkdir()
        shutil.copy(pictures / "landscape.png", desk / name / "a.png")
    (desk / "two" / "a.png").write_text("no picture")
    outcome = call("probe", "heads", exported("plain"), "one", "two/a.png", "three")
    assert outcome.out.splitlines() == ["a.heads.png", "a-3.heads.png"]
    assert outcome.code == 1
