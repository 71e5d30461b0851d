"""Others' text reaches a terminal as letters: no codes, no lines that aren't ours, no formulas."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from media.video_files import frames, write_video
from terminal import Outcome, finished
from vitonnx.cli._console import Gauge, Stage, Table, complain, give, inform

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

EVIL = (
    "a\nerror: b\r\x1b[2J\x1b]52;c;QQ==\x07\x9b1A\N{RIGHT-TO-LEFT OVERRIDE}\N{LINE SEPARATOR}[red]"
)
CODES = re.compile("[\\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


# What turns the direction of writing stays in a path that goes to a script: it must find the file.
MARKS = re.compile("[\u202a-\u202e\u2066-\u2069]")


def assert_harmless(said: str, *, to_a_script: bool = False) -> None:
    assert not CODES.search(MARKS.sub("", said) if to_a_script else said), said
    assert not any(line.startswith("error: b") for line in said.splitlines()), said


@pytest.fixture
def evil(exported: Exported, desk: Path) -> Path:
    """A model whose name, classes, and where it comes from say something to a terminal."""
    model = onnx.load(exported("plain"))
    for entry in model.metadata_props:
        if entry.key == "vitonnx.manifest":
            fields = json.loads(entry.value)
            fields["name"] = f"=cmd|' /C calc'!A0{EVIL}"
            fields["classes"] = [f"{EVIL}{number}" for number in range(11)]
            fields["source"] |= {"file": EVIL, "url": EVIL, "licence": EVIL}
            fields["versions"] = {EVIL: EVIL}
            entry.value = json.dumps(fields)
    onnx.save(model, desk / f"m{EVIL.replace('/', '')}.onnx")
    (model_file,) = desk.iterdir()
    return model_file


@pytest.fixture
def bird(pictures: Path, desk: Path) -> Path:
    (desk / "album").mkdir()
    picture = desk / "album" / f"{EVIL}.png"
    shutil.copy(pictures / "landscape.png", picture)
    (desk / "album" / f"bad{EVIL}.png").write_text("no picture")
    write_video(desk / "album" / f"video{EVIL}.mp4", frames(2))
    return picture


@pytest.mark.parametrize(
    "line",
    [
        "inspect MODEL",
        "probe heads MODEL album",
        "probe heads MODEL album -o x.npz",
        "probe rollout MODEL album -o x.png",
        "probe rollout MODEL BIRD --explain",
        "probe distance MODEL album",
        "probe distance MODEL album -o x.csv",
        "probe filters MODEL",
        "probe video MODEL BIRD",
        "probe heads nothingEVIL BIRD",
        "probe heads MODEL nothingEVIL",
        "probe heads MODEL BIRD -o EVIL",
        "probe heads MODEL BIRD --query EVIL",
        "probe heads MODEL BIRD --device EVIL",
        "probe heads MODEL BIRD --noEVIL",
        "probe heads MODEL BIRD --block EVIL",
        "report MODEL album -o x.html --probe heads",
        "bake MODEL --probe rollout -o x.onnx",
        "bake MODEL --probe EVIL -o x.onnx",
        "models EVIL",
        "EVIL",
    ],
)
def test_every_command(line: str, call: Call, evil: Path, bird: Path) -> None:
    named = {"MODEL": str(evil), "BIRD": str(bird)}
    outcome = call(*(named.get(word, word.replace("EVIL", EVIL)) for word in line.split()))
    assert_harmless(outcome.out, to_a_script=True)
    assert_harmless(outcome.err)
    assert "unexpected error" not in outcome.err
    assert outcome.out or outcome.err


def test_json_is_the_same_json(call: Call, evil: Path) -> None:
    outcome = call("inspect", evil, "--json")
    assert_harmless(outcome.out, to_a_script=True)
    assert outcome.code == 0, outcome
    assert EVIL in json.loads(outcome.out)["name"]


def test_a_table_holds_no_formula(call: Call, evil: Path, pictures: Path) -> None:
    assert call("probe", "distance", evil, pictures, "-o", "x.csv").code == 0
    with Path("x.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header[0] == "model"
    assert {row[0][:6] for row in rows} == {"'=cmd|"}
    assert all(float(cell) >= 0 for row in rows for cell in row[1:])


def test_a_report_holds_no_code(call: Call, evil: Path, bird: Path) -> None:
    assert call("report", evil, bird, "-o", "x.html").code == 0
    page = Path("x.html").read_text(encoding="utf-8")
    assert_harmless(page)
    assert r"[2J" in page


def test_all_ways_to_say_something(capsys: pytest.CaptureFixture[str]) -> None:
    give(EVIL)
    inform(EVIL)
    complain(EVIL)
    with Stage(EVIL, quiet=False) as show:
        show(EVIL)
    with Gauge(EVIL, quiet=False) as progress:
        progress(1, 2, EVIL)
    table = Table()
    table.row(EVIL)
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert len(said.err.splitlines()) == 2
    assert_harmless(said.out + said.err)


def test_a_terminal_is_shown_letters_too() -> None:
    """Where progress is drawn, with codes of our own, names are none of them."""
    script = f"""
from rich.console import Console
from vitonnx.cli import _console
made = _console.Console
_console.Console = lambda **more: made(**more, force_terminal=True, width=400)
_console.SHOW_AFTER_SECONDS = 0.0
evil = {EVIL!r}
with _console.Stage(evil, quiet=False) as show:
    show(evil)
with _console.Gauge(evil, quiet=False) as progress:
    progress(1, 2, evil)
"""
    outcome = finished([sys.executable, "-c", script])
    assert outcome.code == 0, outcome
    for code in ("\x1b[2J", "\x1b]52", "\x07", "\x9b", "\u202e", "\u2028", "\nerror"):
        assert code not in outcome.err
    assert outcome.err.count(r"\x1b[2J") >= 2
    assert "[red]" in outcome.err


def test_typers_own_errors(call: Call) -> None:
    outcome = call("probe", f"heads{EVIL}")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert_harmless(outcome.err)
