"""The door behind which libraries work on somebody else's graph."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from vitonnx.errors import ModelFileError, VitonnxError

__all__ = ["understood"]

LONGEST_REASON = 200  # letters: libraries quote what they don't understand, whole

# These log what they meet in graphs, tracebacks and all, also where all goes well in the end.
# Without a handler Python would write that to stderr; whoever configures logging still gets it.
for _library in ("onnx_ir", "onnxscript"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


@contextmanager
def understood(graph: object) -> Iterator[None]:
    """Say in a sentence that a graph is not what it should be, whatever a library raises over it.

    Graphs can be wrong in more ways than anybody lists, and libraries meet each in their own.

    Parameters
    ----------
    graph : object
        What to call it: a file's path, ``the graph``.

    Raises
    ------
    ModelFileError
        For whatever the block raises, but for vitonnx's own errors, the system's, and memory that
        is not to be had.
    """
    try:
        yield
    except (VitonnxError, OSError, MemoryError):
        raise
    except Exception as error:
        lines = str(error).splitlines() or [""]
        reason = f"{type(error).__name__}: {lines[0][:LONGEST_REASON]}".rstrip(" :.")
        raise ModelFileError(
            f"{graph} is damaged, or has something that vitonnx doesn't understand ({reason}): "
            "export or copy it again; if it runs in onnxruntime, please report it."
        ) from error
