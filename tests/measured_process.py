"""Hostile input tried in a process of its own, whose memory and time are measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Outcome", "contained", "contained_each"]

PATIENCE = 60
"""Seconds, on a machine that has other things to do as well."""

WHERE = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
"""Where programs find what tests share."""

# Counts from behind the imports. What is asked for is refused beyond 8 GiB: a test must not take
# the machine with it.
PROGRAM = """
import resource, sys
from vitonnx.errors import VitonnxError
resource.setrlimit(resource.RLIMIT_DATA, (8 * 2**30,) * 2)
{imports}

def peak():
    # Of this program: Linux counts that of the one which started it into its resources.
    try:
        status = open("/proc/self/status").read()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (
            1024 if sys.platform == "darwin" else 1
        )
    return int(status.partition("VmHWM:")[2].split()[0])

before, arguments = peak(), sys.argv[1:]
for turn in arguments if {each} else [None]:
    sys.argv[1:] = arguments if turn is None else [turn]
    sentence = ""
    try:
        {call}
    except VitonnxError as error:
        sentence = str(error)
    print(sentence, end=chr(0))
print((peak() - before) * 1024, file=sys.stderr)
"""


@dataclass(frozen=True)
class Outcome:
    """What came of it: a sentence, or nothing where the input was accepted.

    Parameters
    ----------
    sentence : str
        Of an error that vitonnx raised on purpose.
    taken : int
        Bytes of memory, at the peak.
    seconds : float
        With the imports.
    """

    sentence: str
    taken: int
    seconds: float


def contained(imports: str, call: str, *arguments: str | Path) -> Outcome:
    """Run an expression, which finds its arguments in ``sys.argv``; anything unexpected fails."""
    (outcome,) = _run(imports, call, arguments, each=False)
    return outcome


def contained_each(imports: str, call: str, arguments: Sequence[str | Path]) -> list[Outcome]:
    """Run an expression of each argument in turn, all in one process.

    So all have taken as much memory as the worst of them, and as much time as all together.
    """
    return _run(imports, call, arguments, each=True)


def _run(imports: str, call: str, arguments: Sequence[str | Path], *, each: bool) -> list[Outcome]:
    started = time.monotonic()
    program = PROGRAM.format(imports=imports, call=call, each=each)
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(WHERE)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    taken, seconds = int(done.stderr), time.monotonic() - started
    sentences = done.stdout.split("\0")[:-1]
    return [Outcome(sentence.strip(), taken, seconds) for sentence in sentences]
