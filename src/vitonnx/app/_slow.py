"""Compute what may take long in a process of its own, which is ended when its time is over."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from typing import Any

from vitonnx.errors import UsageError

__all__ = ["compute_apart"]


def compute_apart(probe: Any, arrays: Any, layout: Any, token: int | None, seconds: float) -> Any:
    """Make a probe's result; raise a UsageError if that takes more than so many seconds."""
    command = [sys.executable, "-c", f"from {__name__} import _compute; _compute({seconds})"]
    question = pickle.dumps((probe, arrays, layout, token))
    try:
        done = subprocess.run(command, input=question, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"{probe.name} takes more than the {seconds:g} s that a question may take here "
            f"({probe.advice(layout)}): ask it on the command line."
        ) from error
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace"))
    return pickle.loads(done.stdout)


def _compute(seconds: float) -> None:
    # Whoever asked may have been killed.
    ending = threading.Timer(seconds + 1, os._exit, [1])
    ending.daemon = True
    ending.start()
    probe, arrays, layout, token = pickle.load(sys.stdin.buffer)
    pickle.dump(probe.compute(arrays, layout, [token])[0], sys.stdout.buffer)
