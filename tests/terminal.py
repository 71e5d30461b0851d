"""Use the command line as a person does, and judge what it says as a person would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

VITONNX = (sys.executable, "-m", "vitonnx")

# The same, where some modules can't be imported; it runs every line of its last argument.
WITHOUT = """
import shlex, sys
for module in sys.argv[1].split():
    sys.modules[module] = None
from vitonnx.cli import main
sys.exit(max(main(shlex.split(line)) for line in sys.argv[2].splitlines()))
"""

# The same, which says at last how much memory it took at most. What `resource` tells of a process
# counts its parent's memory too, and tests take more than what they start.
MEASURED = """
import re, sys
from vitonnx.cli import main
code = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1], file=sys.stderr)
sys.exit(code)
"""

# What belongs to libraries, and says nothing to a person.
JARGON = re.compile(
    r"Traceback|Errno|\b\w+(?:Error|Exception|Warning)\b|None\b|NoneType|codec|subscriptable"
    r"|[Pp]rotobuf|ONNXRuntime|InvalidArgument|[Pp]arsing|<class|object at 0x"
)
DOUBLED = re.compile(r"\b(\w+)\s+\1\b", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines that say what went wrong."""
        return [line.removeprefix("error: ") for line in self._lines("error: ")]

    @property
    def notes(self) -> list[str]:
        return [line.removeprefix("note: ") for line in self._lines("note: ")]

    def _lines(self, kind: str) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith(kind)]


def environment(**more: str) -> dict[str, str]:
    """Whose standard output is a file's: held back until there is enough of it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    return kept | more


def run(*words: str | Path, **more: str) -> Outcome:
    """Run ``vitonnx`` in a process of its own, in the folder we are in."""
    return finished([*VITONNX, *map(str, words)], **more)


def run_without(modules: str, *lines: str, **more: str) -> Outcome:
    """Run commands in one process in which some modules can't be imported; the worst exit code."""
    return finished([sys.executable, "-c", WITHOUT, modules, "\n".join(lines)], **more)


def run_measured(*words: str | Path) -> tuple[Outcome, int]:
    """Run ``vitonnx`` in a process of its own; give the most memory that it took, too, in bytes."""
    outcome = finished([sys.executable, "-c", MEASURED, *map(str, words)])
    *said, kilobytes = outcome.err.splitlines(keepends=True)
    return replace(outcome, err="".join(said)), 1024 * int(kilobytes)


def finished(words: list[str], **more: str) -> Outcome:
    """Wait for any program, with `more` in its environment."""
    done = subprocess.run(
        words,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=600,  # for what hangs, and not for what is slow
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def interrupt(words: Sequence[str | Path], when: Callable[[], bool]) -> Outcome:
    """Run ``vitonnx`` in a process of its own, and press Ctrl-C as soon as something is seen."""
    process = subprocess.Popen(
        [*VITONNX, *map(str, words)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not when():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return Outcome(process.returncode, out, err)


def contents(folder: Path) -> Mapping[str, bytes]:
    """Every file below a folder, hidden ones too, with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"a folder"
        for path in sorted(folder.rglob("*"))
    }


def assert_refused(outcome: Outcome, code: int, *parts: str) -> None:
    """Check that a command ended with one plain sentence, which holds all `parts`."""
    assert outcome.code == code, outcome
    assert outcome.out == "", outcome
    assert len(outcome.errors) == 1, outcome
    assert len(outcome.errors) + len(outcome.notes) == len(outcome.err.splitlines()), outcome.err
    (error,) = outcome.errors
    for part in parts:
        assert part in error, error
    assert_plain(error)


def assert_plain(sentence: str) -> None:
    """Check that a sentence is whole, and a person's."""
    assert not JARGON.search(sentence), sentence
    assert not DOUBLED.search(sentence), sentence
    assert re.search(r"[.?)'`\]]$", sentence), sentence
    assert len(sentence) > 20, sentence
