"""The three standard streams: make sure they exist and can write any character."""

from __future__ import annotations

import codecs
import io
import os
import sys

from vitonnx.errors import VitonnxError
from vitonnx.filenames import shown

__all__ = ["drop_output", "open_streams"]

ESCAPING = "vitonnx.escaping"


def open_streams() -> None:
    """Reopen closed streams, and escape characters that their encoding lacks.

    The next file opened would get the descriptor of a closed stream, and messages would end up in
    that file.

    Raises
    ------
    VitonnxError
        If stdout is closed: results couldn't be printed.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _lead_nowhere(number)
    lost = sys.stdout is None
    # Python sets the stream of a descriptor that was closed at startup to None.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115 - for as long as we live
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    codecs.register_error(ESCAPING, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPING)
    if lost:
        raise VitonnxError(
            "standard output is closed, so results can't be printed: redirect it to a file, or to "
            "/dev/null."
        )


def drop_output() -> None:
    """Flush the streams, and drop what they can't take.

    Python would try again at exit, and complain.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _lead_nowhere(stream.fileno())


def _lead_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = shown(error.object[error.start : error.end])
    return missing.encode("ascii", "backslashreplace").decode(), error.end
