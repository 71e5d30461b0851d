"""The process in which files are read: ``python -m fuzz.child MODULE:FUNCTION BYTES``.

It takes names of files from stdin, a line each, gives each to the function, and answers each with
a line of JSON: what the file was found to be, and how much memory that took. What libraries print
goes to stderr, which belongs to whoever started it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TextIO

from fuzz.sentence import fault_in
from fuzz.verdict import Verdict, place_in
from fuzz.watch import watch
from vitonnx.errors import VitonnxError
from vitonnx.filenames import shown

Read = Callable[[Path], object]


def main(arguments: list[str]) -> None:
    import resource  # which Windows hasn't, where nothing is fuzzed

    where, most = arguments
    answers = _keep_stdout()
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    module, _, function = where.partition(":")
    read: Read = getattr(import_module(module), function)
    resource.setrlimit(resource.RLIMIT_DATA, (int(most), int(most)))
    done = watch()
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        _forget_peak()
        verdict = judge(read, Path(line.rstrip("\n")))
        if done:
            verdict = Verdict("unexpected", "\n".join(done), f"it did: {done[0].split()[0]}")
            done.clear()
        answer = {
            "outcome": verdict.outcome,
            "detail": verdict.detail,
            "place": verdict.place,
            "peak": _peak(),
        }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def judge(read: Read, path: Path) -> Verdict:
    """Read a file, as a user would, and say what came of it."""
    try:
        read(path)
    except VitonnxError as error:
        sentence = shown(str(error))  # as a terminal gets it
        where = place_in(traceback.format_exc())
        if fault := fault_in(sentence):
            return Verdict("bad sentence", f"{fault}: {sentence}", f"{fault} {where}")
        return Verdict("refused", sentence, where)
    except MemoryError:
        text = traceback.format_exc()
        return Verdict("over 2 GB", text, f"MemoryError {place_in(text)}")
    except Exception as error:
        text = traceback.format_exc()
        return Verdict("unexpected", text, f"{type(error).__name__} {place_in(text)}")
    return Verdict("accepted")


def _keep_stdout() -> TextIO:
    """Keep stdout for the answers, and send all that others write there to stderr."""
    sys.stdout.flush()
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return kept


def _forget_peak() -> None:
    """Have the system count the largest memory anew."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:  # some containers forbid it: the largest of all cases so far is the answer then
        return


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1:])
