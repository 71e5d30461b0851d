"""Parts of a run in processes of their own, which may hang or crash, and end in time.

`python -m benchmarks.gpu.child MODULE TASK` calls ``benchmarks.gpu.MODULE.work(rows, **TASK)`` and
prints its rows.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from threading import Timer
from typing import Any

from benchmarks.gpu.rows import Rows
from benchmarks.processes import ROOT

MARK = "ROW "


def run_child(rows: Rows, module: str, task: dict[str, Any], seconds: float, **row: Any) -> None:
    """Add a process's rows as they come, each with `row`; what ends it early is one, too."""
    if seconds < 1:
        rows.add(**row, skipped="no time was left")
        return
    command = [sys.executable, "-m", __name__, module, json.dumps(task)]
    late: list[bool] = []
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):

        def end() -> None:
            late.append(True)
            process.kill()

        timer = Timer(seconds, end)
        timer.start()
        for line in process.stdout or ():
            if line.startswith(MARK):
                rows.add(**(row | json.loads(line.removeprefix(MARK))))
        code = process.wait()
        timer.cancel()
        errors.seek(0)
        said = errors.read().strip().splitlines()
    if late:
        rows.add(**row, skipped="out of time")
    elif code:
        rows.add(**row, failed=f"exit code {code}: {' '.join(said[-1:])}")


def main() -> None:
    module, task = sys.argv[1:]
    rows = Rows(lambda line: print(MARK + line, flush=True))
    importlib.import_module(f"benchmarks.gpu.{module}").work(rows, **json.loads(task))


if __name__ == "__main__":
    main()
