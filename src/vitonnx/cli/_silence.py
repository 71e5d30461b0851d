"""Silence compiled libraries, which write past Python to the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["silence"]


@contextmanager
def silence() -> Iterator[None]:
    """Drop all output to this process's stdout and stderr, from any language."""
    _flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    with Path(os.devnull).open("wb") as nowhere:
        for number in kept:
            os.dup2(nowhere.fileno(), number)
        try:
            yield
        finally:
            _flush()
            for number, copy in kept.items():
                os.dup2(copy, number)
                os.close(copy)


def _flush() -> None:
    """Write out what Python still buffers."""
    sys.stdout.flush()
    sys.stderr.flush()
