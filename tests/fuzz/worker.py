"""A child process that reads files, watched from outside."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from fuzz.limits import Limits
from fuzz.verdict import Verdict, place_in

__all__ = ["Worker"]

LOOK = 0.02  # seconds between two looks at a process's memory
LAST_WORDS = 0.3  # seconds for a process to say where it is, before it is killed
CASES = 500  # of one process, which no library's small leaks shall fill


class Worker:
    """One process after the other, each with many files to read.

    Parameters
    ----------
    reader : str
        ``MODULE:FUNCTION``, which takes a path.
    desk : Path
        The folder that the processes work in.
    limits : Limits
        Of a case.
    """

    def __init__(self, reader: str, desk: Path, limits: Limits | None = None) -> None:
        self._reader, self._desk, self._limits = reader, desk, limits or Limits()
        self._process: subprocess.Popen[str] | None = None
        self._noise = desk.parent / f"{desk.name}.stderr"
        self._cases = 0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, file: Path) -> Verdict:
        """Have a file read, and say what came of it."""
        if self._process is None or self._cases >= CASES:
            self._end()
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._cases += 1
        heard = self._noise.stat().st_size
        self._process.stdin.write(f"{file}\n")
        self._process.stdin.flush()
        answer = self._wait(self._limits.seconds)
        if isinstance(answer, Verdict):
            return answer
        said = self._said(heard)
        if answer == "":
            return self._died(said)
        found = json.loads(answer)
        if found["peak"] > self._limits.resident:
            self._end()
            return Verdict("over 2 GB", f"{found['peak']:,} bytes", found["place"])
        if "Traceback (most recent call last)" in said and found["outcome"] in (
            "accepted",
            "refused",
        ):
            return Verdict("traceback", said, place_in(said))
        return Verdict(found["outcome"], found["detail"], found["place"])

    def _start(self) -> None:
        self._desk.mkdir(exist_ok=True)
        self._cases = 0
        with self._noise.open("wb") as noise:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fuzz.child", self._reader, str(self._limits.data)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=noise,
                cwd=self._desk,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                text=True,
            )
        answer = self._wait(self._limits.start)
        if answer != "ready\n":
            self._end()
            raise RuntimeError(f"the child did not start: {self._noise.read_text()}")

    def _wait(self, seconds: float) -> str | Verdict:
        """Wait for a line of the process; give a verdict where its time or memory is over."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not selector.select(LOOK):
                if _resident(process.pid) > self._limits.resident:
                    where = self._kill()
                    return Verdict("over 2 GB", where, _place(where))
                if time.monotonic() > until:
                    where = self._kill()
                    return Verdict("hang", where, _place(where))
        return process.stdout.readline()

    def _kill(self) -> str:
        """Ask a process where it is, and end it."""
        assert self._process is not None
        heard = self._noise.stat().st_size
        self._process.send_signal(signal.SIGUSR1)
        time.sleep(LAST_WORDS)
        self._end()
        return self._said(heard)

    def _said(self, heard: int) -> str:
        """Give what a process wrote to stderr since then."""
        with self._noise.open("rb") as noise:
            noise.seek(heard)
            return noise.read().decode(errors="replace")

    def _died(self, said: str) -> Verdict:
        assert self._process is not None
        code = self._process.wait()
        self._end()
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Verdict("crash", f"{name}\n{said}", f"{name} {_place(said)}")

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _place(said: str) -> str:
    """Find the innermost frames of the thread at work: the one that is deepest in vitonnx."""
    threads = [part for part in said.split("\n\n") if "most recent call first" in part]
    return place_in(
        max(threads, key=lambda part: part.count("/vitonnx/"), default=said), innermost_last=False
    )


def _resident(process: int) -> int:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):  # it has just ended
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
