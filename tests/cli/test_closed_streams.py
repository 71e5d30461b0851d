"""A stream that is closed: a sentence where there is one to say it on, and the right code."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from terminal import VITONNX, Outcome, assert_plain, finished

Exported = Callable[[str], Path]


def shell(words: str, streams: str) -> Outcome:
    """Run a command as a shell does; the last line of stdout is its code."""
    line = f"{shlex.join([*VITONNX, *shlex.split(words)])} {streams}; echo ${{PIPESTATUS[0]}}"
    outcome = finished(["bash", "-c", line])
    *out, code = outcome.out.splitlines()
    return Outcome(int(code), "\n".join(out), outcome.err)


@pytest.mark.parametrize("words", ["models --quiet", "probe rollout {} bird.png -o x.png"])
def test_without_stdout_nothing_is_begun(words: str, exported: Exported, desk: Path) -> None:
    outcome = shell(words.format(exported("plain")), ">&-")
    assert outcome.code == 1
    (error,) = outcome.errors
    assert "standard output is closed" in error
    assert_plain(error)
    assert outcome.err.count("\n") == 1
    assert not list(desk.iterdir())


@pytest.mark.parametrize(
    ("words", "code"), [("probe filters {} -q -o x.png", 0), ("inspect nothing", 2)]
)
def test_without_stderr_and_stdin(words: str, code: int, exported: Exported, desk: Path) -> None:
    """What is meant for a person must not land in a file that is written."""
    outcome = shell(words.format(exported("plain")), "2>&- <&-")
    assert (outcome.code, outcome.err) == (code, "")
    assert outcome.out == ("x.png" if code == 0 else "")
    assert shell(words.format(exported("plain")), ">&- 2>&- <&-").code == 1


def test_who_leaves_at_once_is_no_error(exported: Exported, desk: Path) -> None:
    for words in ("models", "--help", f"inspect {exported('plain')} --json"):
        assert shell(words, "| head -0").err == ""
    assert shell("inspect nothing", "2>&1 | head -0").code == 2
