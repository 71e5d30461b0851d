"""Names of every kind: no UTF-8, addresses, and what lies beside pictures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from media.video_files import frames, write_video
from terminal import VITONNX, Outcome, assert_refused, environment, run

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

RAW = os.fsdecode(b"caf\xe9")


@pytest.fixture
def album(pictures: Path, desk: Path) -> Path:
    """Pictures of names that are no UTF-8, a good one and a bad one."""
    folder = desk / "album"
    folder.mkdir()
    try:
        shutil.copy(pictures / "landscape.png", folder / f"{RAW}.png")
    except OSError:
        pytest.skip("names are text here")
    (folder / f"bad {RAW}.png").write_text("no picture")
    return folder


def test_they_are_printed(exported: Exported, album: Path, desk: Path) -> None:
    """By a process of its own, to a pipe in UTF-8."""
    outcome = run("probe", "heads", exported("plain"), "album", "-q")
    assert outcome.code == 1
    assert outcome.out == "caf\\xe9.heads.png\n"
    assert (desk / f"{RAW}.heads.png").exists()
    assert r"album/bad caf\xe9.png is not a picture" in outcome.errors[0]


def test_other_letters_are_printed_to_those_who_have_none(
    exported: Exported, pictures: Path, desk: Path
) -> None:
    shutil.copy(pictures / "landscape.png", "猫.png")
    done = subprocess.run(
        [*VITONNX, "probe", "heads", str(exported("plain")), "猫.png", "-q"],
        env={**environment(), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\\u732b.heads.png\n"


@pytest.mark.parametrize("probe", ["rollout", "distance"])
def test_arrays_have_them(probe: str, call: Call, exported: Exported, album: Path) -> None:
    assert call("probe", probe, exported("plain"), "album", "-o", "x.npz").code == 1
    with np.load("x.npz") as found:
        assert found["files"].tolist() == [r"album/caf\xe9.png"]
        assert found["skipped"].tolist() == [r"album/bad caf\xe9.png"]


def test_numbers_have_them(call: Call, exported: Exported, album: Path) -> None:
    assert call("probe", "distance", exported("plain"), "album", "-o", "x.json").code == 1
    found = json.loads(Path("x.json").read_bytes())
    assert found["files"] == [r"album/caf\xe9.png"]
    assert found["skipped"] == [r"album/bad caf\xe9.png"]


def test_a_run_goes_on_after_them(call: Call, exported: Exported, album: Path) -> None:
    words = ["probe", "distance", exported("plain"), "album", "-o", "x.json", "--resume", "s.json"]
    assert [call(*words).code for _ in range(2)] == [1, 1]


def test_a_report_has_them(call: Call, exported: Exported, album: Path, desk: Path) -> None:
    asked = ["--probe", "heads", "--probe", "rollout"]
    assert call("report", exported("plain"), "album", *asked, "-o", "x.html").code == 1
    page = (desk / "x.html").read_text(encoding="utf-8")
    for shown in (r"heads of tiny_plain on caf\xe9.png", r"rollout on caf\xe9.png"):
        assert f'alt="{shown}"' in page


def test_a_video_may_have_one(call: Call, exported: Exported, desk: Path) -> None:
    write_video(desk / "video.mp4", frames(2))
    try:
        (desk / "video.mp4").rename(desk / f"{RAW}.mp4")
    except OSError:
        pytest.skip("names are text here")
    outcome = call("probe", "video", exported("plain"), f"{RAW}.mp4", "-q")
    assert outcome == Outcome(0, "caf\\xe9.heads.mp4\n", "")


@pytest.mark.parametrize(
    "line",
    [
        "probe distance {} bird.png --resume ADDRESS",
        "train scenes -o ADDRESS",
        "probe distance {} @ADDRESS",
        "probe video {} ADDRESS",
        "report {} . --video ADDRESS",
        "report {} . --video=ADDRESS",
        "export dino_vits16 --weights ADDRESS",
        "export --config ADDRESS --weights random",
        "tap ADDRESS -o x.onnx",
        "inspect ADDRESS",
        "demo --image ADDRESS",
    ],
)
def test_only_datasets_and_models_of_probes_may_be_at_an_address(
    line: str, call: Call, exported: Exported, desk: Path
) -> None:
    address = "https://example.org/a.onnx"
    words = line.replace("ADDRESS", address).format(exported("plain")).split()
    assert_refused(call(*words), 2, f"{address} is a URL", "download it first", "curl -LO")
    assert not list(desk.iterdir())


def test_what_a_folder_has_besides_is_said(
    call: Call, exported: Exported, pictures: Path, desk: Path
) -> None:
    shutil.copytree(pictures, "album")
    write_video(desk / "album" / "walk.mp4", frames(2))
    (desk / "album" / "a.cr2").touch()
    (desk / "album" / "notes.txt").touch()
    said = (
        "album: skipped 1 CR2 (a.cr2; convert it to PNG or JPEG), "
        "1 video (walk.mp4; videos are for `vitonnx probe video`)."
    )
    for words in (["heads"], ["rollout", "-o", "x.npz"], ["distance", "-o", "x.csv"]):
        outcome = call("probe", words[0], exported("plain"), "album", *words[1:])
        assert outcome.code == 0
        assert outcome.notes.count(said) == 1
        outcome = call("probe", words[0], exported("plain"), "album", *words[1:], "--quiet")
        assert outcome.err == ""
    assert said in call("report", exported("plain"), "album", "--probe", "heads").notes
    shutil.move("album/portrait.jpg", ".")  # frames are of one size
    assert said in call("probe", "video", exported("plain"), "album").notes


@pytest.mark.parametrize("probe", ["heads", "rollout", "distance"])
def test_a_video_is_no_picture(probe: str, call: Call, exported: Exported, desk: Path) -> None:
    write_video(desk / "walk.mp4", frames(2))
    outcome = call("probe", probe, exported("plain"), "walk.mp4")
    assert_refused(outcome, 1, "walk.mp4 is a video", "`vitonnx probe video`")


@pytest.mark.parametrize(
    "line",
    [
        "probe heads {} bird.png",
        "probe rollout {} bird.png -o x.npz",
        "probe distance {} bird.png",
        "probe video {} frames",
        "report {} bird.png --probe heads",
        "bake {} --probe rollout -o x.onnx --precision int8 --force --calibrate bird.png",
        "bake {} --probe rollout -o x.onnx --precision fp16 --force --pictures bird.png",
        "demo --image bird.png",
    ],
)
def test_the_largest_picture(
    line: str, call: Call, exported: Exported, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a limit of Pillow's that a small picture passes."""
    (desk / "frames").mkdir()
    for name in ("bird.png", "frames/1.png"):
        Image.new("RGB", (1009, 997)).save(name)
    words = line.format(exported("plain")).split()
    outcome = call(*words, "--max-pixels", "1")
    assert outcome.code == 1, outcome
    assert "it has 1,005,973 pixels and 1,000,000 are allowed" in outcome.err
    assert "--max-pixels MILLIONS" in outcome.err
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 250_000)
    assert "1,005,973 pixels and 500,000 are allowed" in call(*words).err
    if words[0] != "demo":  # which takes a while
        assert call(*words, "--max-pixels", "2").code == 0


def test_a_demo_passes_the_limit_on() -> None:
    from vitonnx.cli._demo_steps import write_steps

    bird = Path("bird.png")
    steps = write_steps([bird], bird, bird, first=bird, shown=1, limit=" --max-pixels 240")
    lines = [line for _, line in steps]
    assert {line.endswith("--max-pixels 240") for line in lines if "bird.png" in line} == {True}
    assert not any("--max-pixels" in line for line in lines if "bird.png" not in line)


@pytest.mark.parametrize("home", ["/proc/nowhere", "/dev/null"])
def test_a_home_that_cannot_be_written(
    home: str, exported: Exported, pictures: Path, desk: Path
) -> None:
    """Nothing is kept then, and nobody says anything about it."""
    if not Path(home).parent.exists():
        pytest.skip("no such home here")
    hidden = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "MPLCONFIGDIR")
    kept = {name: value for name, value in environment().items() if name not in hidden}
    done = subprocess.run(
        [*VITONNX, "report", str(exported("plain")), str(pictures), "--probe", "heads", "-q"],
        env={**kept, "HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("plain.report.html\n", "")
    # Who draws from Python hears nothing either.
    done = subprocess.run(
        [sys.executable, "-c", "import vitonnx.plots"],
        env={**kept, "HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""


def test_a_script_is_given_the_path_of_a_result(
    exported: Exported, pictures: Path, desk: Path
) -> None:
    """Marks of the direction of writing belong to a name; what would be a second line doesn't."""
    name = "\N{RIGHT-TO-LEFT MARK}bird\N{LEFT-TO-RIGHT MARK}\nerror: no\x1b[2J\x9b"
    shutil.copy(pictures / "landscape.png", f"{name}.png")
    shutil.copy(pictures / "landscape.png", "\N{RIGHT-TO-LEFT MARK}.png")
    model = exported("plain")
    plain = run("probe", "heads", model, "\N{RIGHT-TO-LEFT MARK}.png", "-q")
    assert plain.out == "\N{RIGHT-TO-LEFT MARK}.heads.png\n"
    assert Path(plain.out.rstrip("\n")).exists()
    forged = run("probe", "heads", model, f"{name}.png", "-q")
    assert forged.out == (
        "\N{RIGHT-TO-LEFT MARK}bird\N{LEFT-TO-RIGHT MARK}\\nerror: no\\x1b[2J\\x9b.heads.png\n"
    )
