"""Letters that a stream can't take, such as those of names that are no text, are escaped."""

from __future__ import annotations

import codecs
import io
import sys

from vitonnx.filenames import shown

__all__ = ["escape_what_streams_lack"]

ESCAPING = "vitonnx.escaping"


def escape_what_streams_lack() -> None:
    """Have stdout and stderr write what they have no letter for as figures and pages do."""
    codecs.register_error(ESCAPING, _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ESCAPING)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = shown(error.object[error.start : error.end])
    return missing.encode("ascii", "backslashreplace").decode(), error.end
