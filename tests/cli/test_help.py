"""Every command explains itself, with an example that works."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from terminal import Outcome, assert_refused, run

COMMANDS = [
    "models",
    "export",
    "inspect",
    "doctor",
    "probe heads",
    "probe rollout",
    "probe distance",
    "probe entropy",
    "evaluate faithfulness",
]


def example(call: Callable[..., Outcome], command: str) -> list[str]:
    """The words of a command's example."""
    outcome = call(*command.split(), "--help")
    assert (outcome.code, outcome.err) == (0, "")
    found = re.search(r"Example: (vitonnx .*?)(?:\n *\n|$)", outcome.out, re.DOTALL)
    assert found, outcome.out
    return shlex.split(" ".join(found[1].split()))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_of_the_command(
    command: str, call: Callable[..., Outcome], desk: Path
) -> None:
    assert example(call, command)[1:].index(command.split()[-1]) == len(command.split()) - 1
    assert not list(desk.iterdir())


# That of doctor measures for half a minute: test_doctor_measure.py runs it.
@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("doctor", "export")])
def test_the_example_works(
    command: str,
    call: Callable[..., Outcome],
    exported: Callable[[str], Path],
    pictures: Path,
    desk: Path,
) -> None:
    shutil.copy(exported("plain"), desk / "dino.onnx")
    shutil.copy(pictures / "landscape.png", desk / "bird.png")
    shutil.copytree(pictures, desk / "pictures")
    outcome = call(*example(call, command)[1:])
    assert (outcome.code, outcome.errors) == (0, [])
    assert outcome.out


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("probe heads", "PICTURE.PROBE.png"),
        ("probe rollout", "PICTURE.PROBE.png"),
        ("probe distance", "MODEL.PROBE.png"),
        ("probe entropy", "MODEL.PROBE.png"),
        ("probe filters", "MODEL.PROBE.png"),
        ("probe positions", "MODEL.PROBE.png"),
        ("probe video", "VIDEO.PROBE.mp4"),
        ("report", "MODEL.report.html"),
        ("evaluate faithfulness", "MODEL.faithfulness.png"),
    ],
)
def test_help_says_what_is_written_by_default(
    command: str, name: str, call: Callable[..., Outcome]
) -> None:
    said = " ".join(re.sub(r"[│╭╰─]", " ", call(*command.split(), "--help").out).split())
    assert re.search(rf"(By default|Without it), {re.escape(name)}", said)


@pytest.mark.parametrize("command", ["", "probe", "evaluate"])
def test_groups_have_an_example_too(command: str, call: Callable[..., Outcome]) -> None:
    assert example(call, command)[0] == "vitonnx"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_be_quiet(command: str, call: Callable[..., Outcome]) -> None:
    assert "--quiet" in call(*command.split(), "--help").out


@pytest.mark.parametrize("command", ["heads", "rollout"])
def test_probes_can_choose_the_device(command: str, call: Callable[..., Outcome]) -> None:
    assert "--device" in call("probe", command, "--help").out


def test_the_list_of_commands_is_whole(call: Callable[..., Outcome]) -> None:
    listed = "".join(call(*words, "--help").out for words in ([], ["probe"], ["evaluate"]))
    for command in COMMANDS:
        assert re.search(rf"^\W*{command.split()[-1]}\b", listed, re.MULTILINE), command


@pytest.mark.parametrize("words", [[], ["probe"], ["evaluate"]])
def test_nothing_asked_shows_the_help(words: list[str], call: Callable[..., Outcome]) -> None:
    outcome = call(*words)
    assert outcome.code == 2
    assert "Usage: vitonnx" in outcome.out
    assert outcome.err == ""


def test_the_version(call: Callable[..., Outcome]) -> None:
    assert call("--version") == Outcome(0, f"{version('vitonnx')}\n", "")


def test_an_unknown_command_names_the_nearest(call: Callable[..., Outcome]) -> None:
    assert_refused(call("exprot", "x"), 2, "exprot", "'export'", "`vitonnx --help`")
    assert_refused(call("probe", "head", "x"), 2, "head", "'heads'", "`vitonnx probe --help`")


def test_an_unknown_option_names_the_nearest(call: Callable[..., Outcome], desk: Path) -> None:
    outcome = call("probe", "heads", "m.onnx", "p.png", "--blokc", "1")
    assert_refused(outcome, 2, "--blokc", "--block", "`vitonnx probe heads --help`")
    assert not list(desk.iterdir())


def test_a_missing_argument_is_named(call: Callable[..., Outcome]) -> None:
    assert_refused(call("inspect"), 2, "MODEL", "`vitonnx inspect --help`")
    assert_refused(call("probe", "heads", "m.onnx"), 2, "DATA")


def test_a_process_of_its_own_says_the_same(desk: Path) -> None:
    outcome = run("inspect", "nothing.onnx")
    assert_refused(outcome, 1, "nothing.onnx", "vitonnx export")
    outcome = run("--version")
    assert outcome == Outcome(0, f"{version('vitonnx')}\n", "")
