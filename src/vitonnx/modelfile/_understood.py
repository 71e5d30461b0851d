"""The door behind which libraries work on somebody else's graph."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

from vitonnx.blame import blamed_on
from vitonnx.errors import ModelFileError

__all__ = ["understood"]

# These log what they meet in graphs, tracebacks and all, also where all goes well in the end.
# Without a handler Python would write that to stderr; whoever configures logging still gets it.
for _library in ("onnx_ir", "onnxscript"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


def understood(graph: object) -> AbstractContextManager[None]:
    """Say in a sentence that a graph is not what it should be, whatever a library raises over it.

    Graphs can be wrong in more ways than anybody lists, and libraries meet each in their own.

    Parameters
    ----------
    graph : object
        What to call it: a file's path, ``the graph``.

    Raises
    ------
    ModelFileError
        In place of any error that isn't vitonnx's own.
    """
    return blamed_on(
        graph,
        ModelFileError,
        lambda reason: (
            f"{graph} is damaged, or has something that vitonnx doesn't understand ({reason}): "
            "export or copy it again; if it runs in onnxruntime, please report it."
        ),
    )
