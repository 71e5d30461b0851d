"""Parts of a check in processes of their own, which may hang or crash, and end in time.

`python -m benchmarks.gpu.child MODULE TASK` calls ``benchmarks.gpu.MODULE.work(rows, TASK)`` and
prints its rows.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict
from threading import Timer

from benchmarks.gpu.rows import Rows
from benchmarks.gpu.task import Task
from benchmarks.processes import ROOT

COMMAND = ("-m", __name__)
MARK = "ROW "


def run_child(rows: Rows, module: str, task: Task, seconds: float) -> None:
    """Add a process's rows as they come; what ends it early is one, too."""
    if seconds < 1:
        rows.add(skipped="no time was left")
        return
    command = [sys.executable, *COMMAND, module, json.dumps(asdict(task))]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        timer = Timer(seconds, process.kill)
        timer.start()
        for line in process.stdout or ():
            if line.startswith(MARK):
                rows.add(**json.loads(line.removeprefix(MARK)))
        code, late = process.wait(), timer.finished.is_set()
        timer.cancel()
        errors.seek(0)
        said = errors.read().strip().splitlines()
    if late:
        rows.add(skipped="out of time")
    elif code:
        rows.add(failed=f"exit code {code}: {' '.join(said[-1:])}")


def main() -> None:
    module, task = sys.argv[1:]
    rows = Rows(lambda line: print(MARK + line, flush=True))
    importlib.import_module(f"benchmarks.gpu.{module}").work(rows, Task(**json.loads(task)))


if __name__ == "__main__":
    main()
