"""``vitonnx demo``: a newcomer's first minute, with no network and no TensorFlow."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from media.video_files import cut, frames, write_video
from terminal import Outcome, assert_refused, contents, finished, interrupt, run
from vitonnx.cli import _demo_evaluate
from vitonnx.data.scenes import draw_scene
from vitonnx.demo import Evaluation, demo_models, evaluate, evaluate_maps
from vitonnx.modelfile import load_manifest
from vitonnx.probes import find_probe

Call = Callable[..., Outcome]

# Without the export extra, and where every way out of the machine ends the program.
NEWCOMER = """
import sys
for module in "tensorflow keras tf2onnx safetensors huggingface_hub".split():
    sys.modules[module] = None
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        sys.exit(f"the network was asked for: {event} {arguments}")
sys.addaudithook(refuse)
from vitonnx.cli import main
sys.exit(main(sys.argv[1:]))
"""

ORDER = (
    *("heads", "pca", "similarity", "attribution", "lens", "rollout", "norms"),
    *("distance", "entropy", "cka", "filters", "positions"),
)
FIGURES = [f"{name}.png" for name in ORDER]
WRITTEN = {*FIGURES, "heads.npz", "video.mp4", "report.html", "scenes.mp4"} | {
    "scenes_vit.onnx",
    "scenes_dino.onnx",
    "pictures",
    "album",
}


@dataclass(frozen=True)
class Shown:
    """What a demo said, and where it left what it made."""

    outcome: Outcome
    folder: Path

    @property
    def typed(self) -> list[str]:
        """The commands that it showed before its closing words, as they were typed."""
        lines = self.outcome.out.partition("\nHow good")[0].splitlines()
        return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def newcomer(*words: str | Path) -> Outcome:
    closed = "http://127.0.0.1:9"
    return finished(
        [sys.executable, "-c", NEWCOMER, *map(str, words)],
        http_proxy=closed,
        https_proxy=closed,
        HF_HUB_OFFLINE="",
    )


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """The demo in an empty folder, once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("newcomer")
    here = Path.cwd()
    os.chdir(folder)
    try:
        outcome = newcomer("demo")
    finally:
        os.chdir(here)
    return Shown(outcome, folder / "vitonnx-demo")


def test_it_needs_nothing_and_leaves_everything(shown: Shown) -> None:
    assert shown.outcome.code == 0, shown.outcome
    assert shown.outcome.errors == []
    assert {path.name for path in shown.folder.iterdir()} == WRITTEN
    assert shown.outcome.out.endswith("vitonnx-demo/report.html\n")


def test_all_that_it_leaves_can_be_read(shown: Shown) -> None:
    for name in FIGURES:
        with Image.open(shown.folder / name) as picture:
            assert min(picture.size) > 300
            assert len(picture.convert("RGB").getcolors(2**24) or ()) > 100
    with np.load(shown.folder / "heads.npz", allow_pickle=False) as found:
        layout = load_manifest(demo_models()["scenes_dino"])
        assert found["attention"].shape == (5, layout.heads, *layout.grid)
        assert len(found["files"]) == 5
    with av.open(str(shown.folder / "video.mp4")) as video:
        (track,) = video.streams.video
        pictures = [frame.to_ndarray(format="rgb24") for frame in video.decode(track)]
    # The original and two models side by side.
    assert len(pictures) == 100
    assert pictures[0].shape[1] > 3 * 320 - 1
    page = (shown.folder / "report.html").read_text(encoding="utf-8")
    told = re.findall(r"<h2>(\w+)</h2>\s*<p>([^<]+)</p>", page)
    purposes = {name: escape(find_probe(name).purpose) for name in ORDER}
    assert [title.lower() for title, _ in told] == ["predictions", *ORDER, "video"]
    assert [words for _, words in told[1:-1]] == list(purposes.values())
    for word in ("scenes_vit", "scenes_dino", "butterfly.png", "<video", "pictures: 45"):
        assert word in page


def test_what_it_shows_can_be_typed_again(
    shown: Shown, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *commands = shown.typed
    assert shlex.split(first) == ["cd", "vitonnx-demo"]
    probes = [words[2] for words in map(shlex.split, commands) if words[1] == "probe"]
    assert probes == [*ORDER, "video", "heads"]
    assert len(commands) == len(probes) + 1
    lines = shown.outcome.out.splitlines()
    for command in commands:  # each with what it is for
        why = lines[lines.index(f"$ {command}") - 1]
        assert re.fullmatch(r"# [A-Z].*[.:]", why), why
    monkeypatch.chdir(shown.folder)
    for command in commands:
        name, *words = shlex.split(command)
        assert name == "vitonnx"
        target = Path(words[words.index("-o") + 1])
        # Videos take longest, and have tests of their own.
        if "scenes.mp4" not in words:
            before = target.read_bytes()
            target.unlink()
            assert call(*words).out.splitlines() == [str(target)]
            assert target.suffix == ".npz" or target.read_bytes() == before


def test_it_says_how_good_the_models_are_and_what_is_next(shown: Shown) -> None:
    closing = shown.outcome.out.partition("\nHow good")[2]
    for words in ("95 % interval", "DINO: k-NN top-1", "vitonnx demo --evaluate"):
        assert words in closing
    for command in ("demo --image bird.png", "export dino_vits16"):
        assert f"$ vitonnx {command}" in closing
    assert "pip install 'vitonnx[export]'" in closing


def test_notes_are_said_once(shown: Shown) -> None:
    assert len(shown.outcome.notes) == len(set(shown.outcome.notes))


def test_pictures_and_a_video_of_ones_own_quietly(desk: Path) -> None:
    """In an existing folder, of which only files of our names are replaced.

    The video is cut off, so that two commands say so, and the whole demo's code is theirs.
    """
    (desk / "my own").mkdir()
    Image.fromarray(draw_scene(1, (97, 151)).picture).save(desk / "my own" / "bird 1.png")
    Image.fromarray(draw_scene(2, (131, 89)).picture).save(desk / "other.jpg")
    options = {"movflags": "faststart"}
    whole = write_video(desk / "whole.mp4", frames(30, 163, 211), options=options)
    cut(whole, desk / "walk.mp4", 0.6)
    (desk / "out").mkdir()
    (desk / "out" / "mine.txt").write_text("mine")
    (desk / "out" / "heads.png").write_text("older")
    own = ["--image", "my own/bird 1.png", "--image", "other.jpg", "--video", "walk.mp4"]
    outcome = newcomer("demo", *own, "-o", "out", "-q")
    assert (outcome.code, outcome.out) == (1, "out/report.html\n"), outcome
    assert len(outcome.errors) == len(outcome.err.splitlines()) == 2
    assert all("walk.mp4 is truncated or damaged" in error for error in outcome.errors)
    assert {path.name for path in (desk / "out").iterdir()} == WRITTEN | {"mine.txt"}
    assert (desk / "out" / "mine.txt").read_text() == "mine"
    with Image.open(desk / "out" / "heads.png") as picture:
        picture.load()
    with np.load(desk / "out" / "heads.npz", allow_pickle=False) as found:
        assert [Path(file).name for file in found["files"]] == ["bird 1.png", "other.jpg"]
    with av.open(str(desk / "out" / "video.mp4")) as video:
        assert 5 < sum(1 for _ in video.decode(video=0)) < 30
    page = (desk / "out" / "report.html").read_text(encoding="utf-8")
    assert "bird 1.png" in page
    assert "butterfly.png" not in page


def test_bad_calls_leave_nothing(call: Call, desk: Path) -> None:
    (desk / "text.png").write_text("no picture")
    (desk / "file").write_text("no folder")
    before = contents(desk)
    for code, words, part in (
        (1, ["--image", "missing.png"], "missing.png does not exist"),
        (1, ["--image", "text.png"], "text.png is not a picture"),
        (1, ["--video", "missing.mp4"], "There is no video missing.mp4"),
        (1, ["--video", "text.png"], "text.png"),
        (2, ["-o", "file"], "a file is in its way"),
        (1, ["-o", "/proc/x"], "can't make the folder /proc/x"),
        (2, ["-o", "file/x"], "a file is in its way"),
        (2, ["--evaluate", "--image", "text.png"], "--evaluate"),
        (2, ["birds"], "unexpected extra argument"),
    ):
        assert_refused(call("demo", *words), code, part)
        assert contents(desk) == before


def test_an_error_of_a_command_keeps_its_sentence_and_code(call: Call, desk: Path) -> None:
    (desk / "vitonnx-demo" / "pca.png").mkdir(parents=True)
    outcome = call("demo")
    assert outcome.code == 2
    # What is a folder takes rows, whatever its name; and rows are of one model.
    assert outcome.errors == [
        "rows are of one model: leave --compare out, and run each model on its own."
    ]
    assert outcome.out.splitlines()[-1].startswith("$ vitonnx probe pca")


def test_ctrl_c(desk: Path) -> None:
    heads = desk / "vitonnx-demo" / "heads.png"
    outcome = interrupt(["demo"], heads.exists)
    assert outcome.code == 130
    assert outcome.err.endswith("error: interrupted.\n")
    names = {path.name for path in (desk / "vitonnx-demo").rglob("*")}
    assert not [name for name in names if name.startswith(".")]
    assert "report.html" not in names


def test_evaluate_prints_a_table_and_writes_it_down(
    call: Call, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of fewer scenes, for which there is no option."""
    few = replace(evaluate(scenes=7, known=23), maps=evaluate_maps(scenes=5))
    monkeypatch.setattr("vitonnx.demo.evaluate", lambda progress: few, raising=False)
    monkeypatch.setattr("vitonnx.demo.evaluate_maps", lambda progress: few.maps, raising=False)
    outcome = call("demo", "--evaluate", "-o", "new/x")
    assert (outcome.code, outcome.err) == (0, "")
    assert Evaluation.load(desk / "new" / "x" / _demo_evaluate.FILE) == few
    lines = outcome.out.splitlines()
    assert lines[-1] == "new/x/evaluation.json"
    for measure, line in zip(few.measures, lines[1:], strict=False):
        assert line.startswith(measure.name)
        assert f"{100 * measure.value:.1f}" in line
    for name, measures in few.maps.items():
        row = next(line for line in lines if line.split("  ")[0] == name)
        assert f"{100 * measures['deletion'].value:.1f}" in row
    stored = json.loads((desk / "new" / "x" / "evaluation.json").read_text())
    assert stored["models"].keys() == demo_models().keys()


def test_the_models_have_names_everywhere(desk: Path) -> None:
    Image.fromarray(draw_scene(1, (64, 64)).picture).save("a.png")
    words = ("probe", "heads", "scenes_vit", "a.png", "--compare", "scenes_dino", "-q")
    assert newcomer(*words) == Outcome(0, "a.heads.png\n", "")
    listed = newcomer("models", "scenes").out
    assert all(name in listed for name in ("scenes_vit", "scenes_dino"))
    # A file of that name goes first.
    Path("scenes_dino").write_text("no model")
    assert newcomer(*words).code == 1


def test_there_is_nothing_to_export(desk: Path) -> None:
    assert_refused(run("export", "scenes_dino"), 2, "comes with vitonnx", "scenes_dino.onnx")
    assert not list(desk.iterdir())
