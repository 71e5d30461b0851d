"""The three standard streams: there, able to write any letter, and taken leave of at the end."""

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
    """Have all three lead somewhere, and write what they have no letter for as pages do.

    The number of one that was closed would be that of the next file which is opened: what is meant
    for a person would land in it.

    Raises
    ------
    VitonnxError
        If stdout is closed: nobody could be told what came out.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            _lead_nowhere(number)
    lost = sys.stdout is None
    # Python has none of a number that was closed when it began.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: PTH123, SIM115 - for as long as we live
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: PTH123, SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    codecs.register_error(ESCAPING, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPING)
    if lost:
        raise VitonnxError(
            "standard output is closed, and results could not be printed: send it to a file, or "
            "to /dev/null."
        )


def drop_output() -> None:
    """Send off what is still held back, and drop what a stream can't take.

    Python would try again as it ends, and complain.
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
