"""Turn errors of libraries on an untrusted graph into sentences."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

from vitonnx.blame import blamed_on
from vitonnx.errors import ModelFileError

__all__ = ["understood"]

# These log what they meet in graphs, tracebacks and all, also where all goes well in the end.
# Without a handler Python would write that to stderr; configured logging still gets it.
for _library in ("onnx_ir", "onnxscript"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


def understood(graph: object) -> AbstractContextManager[None]:
    """Turn any error raised over a graph into a sentence that blames the graph.

    Graphs can be wrong in countless ways, and libraries report each in their own.

    Parameters
    ----------
    graph : object
        Name of the graph: a file's path, or ``the graph``.

    Raises
    ------
    ModelFileError
        In place of any error that isn't vitonnx's own.
    """
    return blamed_on(
        graph,
        ModelFileError,
        lambda reason: (
            f"{graph} is damaged, or uses something that vitonnx doesn't understand ({reason}): "
            "export or copy it again; if it runs in onnxruntime, please report it."
        ),
    )
