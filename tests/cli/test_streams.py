"""Results go to stdout, everything else to stderr; --quiet leaves results and errors."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from terminal import Outcome, environment, finished, run

Call = Callable[..., Outcome]
Exported = Callable[[str], Path]

# The progress bar waits for two seconds; here it doesn't.
IMPATIENT = """
import sys
from vitonnx.cli import _console, main
_console.SHOW_AFTER_SECONDS = 0.0
sys.exit(main(sys.argv[1:]))
"""


def test_results_on_stdout_and_the_rest_on_stderr(
    exported: Exported, pictures: Path, bad: Path, desk: Path
) -> None:
    outcome = run("probe", "heads", exported("plain"), pictures, bad / "text.png")
    assert outcome.code == 1
    assert outcome.out.splitlines() == ["landscape.heads.png", "portrait.heads.png"]
    assert any("untrained" in note for note in outcome.notes)
    assert "text.png" in outcome.errors[0]
    assert len(outcome.notes) + len(outcome.errors) == len(outcome.err.splitlines())


def test_quiet_leaves_results_and_errors(
    call: Call, exported: Exported, pictures: Path, bad: Path
) -> None:
    good = call("probe", "rollout", exported("plain"), pictures, "-o", "r.npz", "--quiet")
    assert good == Outcome(0, "r.npz\n", "")
    mixed = call("probe", "rollout", exported("plain"), pictures, bad / "text.png", "-q")
    assert mixed.notes == []
    assert len(mixed.errors) == len(mixed.err.splitlines()) == 2


def test_there_is_one_line_on_why_it_runs_on_the_cpu(
    call: Call, exported: Exported, pictures: Path
) -> None:
    """Where it does; asked for, it needs no reason."""
    outcome = call("probe", "rollout", exported("plain"), pictures, "--device", "cpu")
    assert not [note for note in outcome.notes if "CPU" in note]
    outcome = call("probe", "rollout", exported("plain"), pictures)
    assert len([note for note in outcome.notes if "CPU" in note]) <= 1
    assert outcome.errors == []


def on_a_terminal(*words: str | Path) -> tuple[str, str]:
    """Stdout, which is no terminal, and stderr, which is one."""
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, *map(str, words)],
        env=environment(TERM="xterm"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    assert process.stdout
    said = b""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux's way of saying that nobody writes any more
            part = b""
        if not part:
            break
        said += part
    os.close(terminal)
    with process.stdout:
        out = process.stdout.read()
    assert process.wait() == 0
    return out, said.decode()


def test_a_terminal_sees_progress(exported: Exported, pictures: Path, desk: Path) -> None:
    out, seen = on_a_terminal("probe", "rollout", exported("plain"), pictures, "-o", "r.npz")
    assert out == "r.npz\n"
    assert "Opening plain.onnx" in seen
    assert "Probing" in seen
    assert "%" in seen


def test_a_quiet_terminal_sees_none(exported: Exported, pictures: Path, desk: Path) -> None:
    out, seen = on_a_terminal("probe", "rollout", exported("plain"), pictures, "-q", "-o", "r.npz")
    assert (out, seen) == ("r.npz\n", "")


def test_a_reader_who_leaves_early_is_no_error(desk: Path) -> None:
    shell = f"'{sys.executable}' -m vitonnx models --quiet | true"
    outcome = finished(["bash", "-c", shell])
    assert outcome.err == ""
    shell = f"'{sys.executable}' -m vitonnx models | head -1"
    outcome = finished(["bash", "-c", shell])
    assert outcome.err == ""
    assert len(outcome.out.splitlines()) == 1
