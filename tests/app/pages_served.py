"""The page as users start it: a process of its own, and the address that it prints."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MODELS", "Served", "serve_command", "serve_page", "serve_within"]

MODELS = ["scenes_vit", "scenes_dino"]
"""Those of the page, where no other are named."""

WITHIN = """
from vitonnx.app import Limits, open_socket, run_app
from vitonnx.demo import demo_models
from vitonnx.engine import Engine

engines = {{name: Engine(file) for name, file in demo_models().items()}}
with open_socket("127.0.0.1", 0) as at:
    run_app(engines, at, limits=Limits({limits}), ready=lambda at: print(at, flush=True))
"""


@dataclass
class Served:
    """A page that runs at an address, with a slash at its end; `log` is what it says on stderr."""

    address: str
    process: subprocess.Popen[str]
    log: Path

    def stop(self, sign: signal.Signals = signal.SIGTERM, patience: float = 60) -> int:
        """Ask it to end; give its exit code."""
        self.process.send_signal(sign)
        return self.process.wait(patience)


@contextmanager
def serve_page(folder: Path, words: Sequence[str | Path] = ()) -> Iterator[Served]:
    """Run ``vitonnx app`` in a folder, at a port that is free, with further words."""
    vitonnx = [sys.executable, "-m", "vitonnx", "app", *map(str, words), "--port", "0"]
    with serve_command(folder, vitonnx) as served:
        yield served


@contextmanager
def serve_within(folder: Path, limits: str) -> Iterator[Served]:
    """Run a page of other limits."""
    with serve_command(folder, [sys.executable, "-c", WITHIN.format(limits=limits)]) as served:
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
