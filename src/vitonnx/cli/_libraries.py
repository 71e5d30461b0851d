"""What libraries say of their work, in one place: on the command line nobody can mend it.

Their log lines and warnings are dropped here, whichever library it is, and so is what compiled ones
write past Python. What is in the way of the work comes as an exception. With ``--debug`` none of
this is done, and all is to be seen. Who imports vitonnx into a program of their own directs them as
any others.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["unheard_libraries"]

# It brings a handler of its own, and asks the environment how much to say, as it is imported.
HUB = "HF_HUB_VERBOSITY"
STDERR = 2  # its number, which compiled libraries write to


class _Notes(logging.Handler):
    """Says on stderr, as our notes are said, what vitonnx itself logs."""

    def emit(self, record: logging.LogRecord) -> None:
        from vitonnx.cli._console import inform

        inform(record.getMessage())


@contextmanager
def unheard_libraries() -> Iterator[None]:
    """Keep what libraries log and warn of from the terminal while the block runs."""
    everybody, ours = logging.getLogger(), logging.getLogger("vitonnx")
    # With a handler there, nothing comes to the one that writes to stderr where there is none, and
    # libraries add none either.
    dropped, notes = logging.NullHandler(), _Notes(logging.WARNING)
    given = os.environ.get(HUB)
    os.environ[HUB] = "critical"
    everybody.addHandler(dropped)
    ours.addHandler(notes)
    try:
        with _stderr_of_python_alone(), warnings.catch_warnings():
            # What a library thinks of a picture's metadata must not even be an error, as warnings
            # are to whoever asks Python for it.
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
    """Lead the system's stderr nowhere, and Python's own where it led: libtiff, for one, prints."""
    if (
        sys.platform == "win32"  # whose console takes letters, and no bytes
        or not isinstance(sys.stderr, io.TextIOWrapper)
        or _number(sys.stderr) != STDERR  # somebody has another one in place of it
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
    """Say nothing, in place of ``warnings.showwarning``."""
