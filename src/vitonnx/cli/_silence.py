"""Compiled libraries write past Python: what they say is kept from the terminal here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["silence"]


@contextmanager
def silence() -> Iterator[None]:
    """Drop all that is written to this process's stdout and stderr, by whatever language."""
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
    """Send what Python still holds where it was meant to go."""
    sys.stdout.flush()
    sys.stderr.flush()
