"""Silence the messages of libraries, which a user of the command line can't act on.

Log lines and warnings of all libraries are dropped here, and so is the output that compiled ones
write past Python. Real obstacles arrive as exceptions. With ``--debug``, nothing is dropped.
Programs that import vitonnx configure logging as they like.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["silence", "unheard_libraries"]

# huggingface_hub installs a handler of its own, and reads its level from here when imported.
HUB = "HF_HUB_VERBOSITY"
STDERR = 2  # file descriptor that compiled libraries write to


class _Notes(logging.Handler):
    """Prints what vitonnx itself logs as notes on stderr."""

    def emit(self, record: logging.LogRecord) -> None:
        from vitonnx.cli._console import inform

        inform(record.getMessage())


@contextmanager
def unheard_libraries() -> Iterator[None]:
    """Keep log lines and warnings of libraries from the terminal while the block runs."""
    everybody, ours = logging.getLogger(), logging.getLogger("vitonnx")
    # With a handler on the root logger, neither Python's last resort nor the libraries add one
    # that writes to stderr.
    dropped, notes = logging.NullHandler(), _Notes(logging.WARNING)
    given = os.environ.get(HUB)
    os.environ[HUB] = "critical"
    everybody.addHandler(dropped)
    ours.addHandler(notes)
    try:
        with _stderr_of_python_alone(), warnings.catch_warnings():
            # Pillow's warnings on metadata must not become errors, even under `python -W error`.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            warnings.showwarning = _drop
            yield
    finally:
        everybody.removeHandler(dropped)
        ours.removeHandler(notes)
        del os.environ[HUB]
        if given is not None:
            os.environ[HUB] = given


@contextmanager
def _stderr_of_python_alone() -> Iterator[None]:
    """Redirect file descriptor 2 to nowhere, but not Python's stderr: libtiff, for one, prints."""
    if (
        sys.platform == "win32"  # its console takes characters, not bytes
        or not isinstance(sys.stderr, io.TextIOWrapper)
        or _number(sys.stderr) != STDERR  # it has been replaced
    ):
        yield
        return
    sys.stderr.flush()
    theirs, kept = sys.stderr, os.dup(STDERR)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, STDERR)
    os.close(nowhere)
    sys.stderr = io.TextIOWrapper(
        io.FileIO(kept, "w", closefd=False),
        encoding=theirs.encoding,
        errors=theirs.errors,
        line_buffering=True,
        write_through=True,
    )
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = theirs
        os.dup2(kept, STDERR)
        os.close(kept)


def _number(stream: io.TextIOWrapper) -> int | None:
    try:
        return stream.fileno()
    except OSError:
        return None


def _drop(*_: object, **__: object) -> None:
    """Drop a warning, in place of ``warnings.showwarning``."""


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
