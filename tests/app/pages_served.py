"""The page as users start it: a process of its own, and the address that it prints."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ASKED", "Served", "serve_command", "serve_page"]

ASKED: list[Any] = [["scenes_vit", "scenes_dino"], "default", 4, 0, "mean", 0]
"""What the page asks at the start: models, who looks, block, mass, fusion, discard."""


@dataclass
class Served:
    """A page that runs.

    Parameters
    ----------
    address : str
        With a slash at its end.
    process : Popen
        Its process.
    log : Path
        What it says on stderr.
    """

    address: str
    process: subprocess.Popen[str]
    log: Path

    def stop(self, sign: signal.Signals = signal.SIGTERM, patience: float = 60) -> int:
        """Ask it to end; give its exit code."""
        self.process.send_signal(sign)
        return self.process.wait(patience)


@contextmanager
def serve_page(folder: Path, words: Sequence[str | Path] = ()) -> Iterator[Served]:
    """Run ``vitonnx app`` at a port that is free, with further words.

    Parameters
    ----------
    folder : Path
        Where to run it, and where its log goes.
    """
    vitonnx = [sys.executable, "-m", "vitonnx", "app", *map(str, words), "--port", "0"]
    with serve_command(folder, vitonnx) as served:
        yield served


@contextmanager
def serve_command(folder: Path, command: Sequence[str]) -> Iterator[Served]:
    """Run any program that prints the address of a page."""
    log = folder / "stderr.txt"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    with process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            assert address.startswith("http://"), log.read_text()
            yield Served(address, process, log)
        finally:
            if process.poll() is None:
                process.kill()
