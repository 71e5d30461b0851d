"""Kill commands as soon as there is work to lose."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from terminal import environment

__all__ = ["finish", "kill", "start"]

# The command as it is, but for how often it writes the state of totals: at every chance.
EAGER = """
import sys
from vitonnx.cli import _counting, main
_counting.SAVE_EVERY_SECONDS, _counting.SAVING_SHARE = 0, 1
sys.exit(main(sys.argv[1:]))
"""
QUIET = ("--device", "cpu", "--threads", "1", "--quiet")


def start(*words: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", EAGER, *map(str, words), *QUIET],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(*words: str | Path) -> str:
    """Run to the end; some pictures are bad, and the others done."""
    process = start(*words)
    out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (1, f"{words[-1]}\n"), err
    return err


def kill(words: Sequence[str | Path], seen: Callable[[], object], rng: random.Random) -> bool:
    """Kill a run soon after something new is seen of it; tell whether it was still running.

    Most moments of a short life are its start: wait until there is work to lose.
    """
    before = seen()
    process = start(*words)
    try:
        deadline = time.monotonic() + 100
        while seen() == before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.05))
    finally:
        process.kill()
        _, err = process.communicate()
    assert process.returncode < 0 or "pictures" in err, err
    return process.returncode < 0
