"""The page as a process of its own, and the memory that it takes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

__all__ = ["Memory", "Page", "serve"]

SECOND = 1.0
PATIENCE = 60.0  # seconds in which the page must end


@dataclass
class Page:
    """A page that runs.

    Parameters
    ----------
    address : str
        Of the page.
    process : Popen
        Its process.
    log : Path
        What it says on stderr.
    """

    address: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def seconds(self) -> float:
        """Of all cores that it has used so far."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def died(self) -> bool:
        """Whether it has ended before it was asked to."""
        return self.process.poll() is not None

    def health(self) -> dict[str, Any]:
        """Ask how it is; nothing, if it doesn't answer."""
        try:
            said: dict[str, Any] = httpx.get(f"{self.address}healthz").json()
        except httpx.TransportError:
            return {}
        return said

    @property
    def tracebacks(self) -> int:
        """How often it has failed, whether or not a visitor was told."""
        return self.log.read_text().count("Traceback")

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-20:])

    def stop(self) -> int:
        """Ask it to end, if it has not ended already; give its exit code."""
        if not self.died:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextmanager
def serve(folder: Path, models: Sequence[str]) -> Iterator[Page]:
    """Run ``vitonnx app`` at a port that is free."""
    log = folder / "stderr.txt"
    command = [sys.executable, "-m", "vitonnx", "app", *models, "--port", "0"]
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            if not address:
                raise SystemExit(f"the page did not start:\n{log.read_text()}")
            yield Page(address, process, log)
        finally:
            if process.poll() is None:
                process.kill()


@dataclass
class Memory:
    """The memory of a process and its children, looked at every second.

    Parameters
    ----------
    process : int
        Its id.
    """

    process: int
    samples: list[int] = field(default_factory=list)
    """In bytes: pages that are shared count in part (PSS). Nothing, where it has ended."""

    def now(self) -> int:
        """Look once."""
        return sum(_proportional(each) for each in _family(self.process))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look until the end of the block."""
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(ended,))
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()

    def settled(self, seconds: float) -> int:
        """Wait, then look."""
        time.sleep(seconds)
        return self.now()

    def _watch(self, ended: threading.Event) -> None:
        while not ended.wait(SECOND):
            self.samples.append(self.now())


def _family(process: int) -> Iterator[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


def _proportional(process: int) -> int:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):  # it has ended
        return 0
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) * 1024 if found is not None else 0
