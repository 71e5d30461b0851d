"""The command line: thin commands, one file each; what they need is imported inside them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        ``--debug`` anywhere among them lets tracebacks through, and shows what libraries say. By
        default those of the process, which has nothing else to do then.

    Returns
    -------
    int
        The exit code.
    """
    try:
        from vitonnx.cli._main import run
    except KeyboardInterrupt:  # before signals are handled: answer as `_main` does
        if arguments is not None:
            raise
        sys.stderr.write("error: interrupted.\n")
        sys.stderr.flush()
        os._exit(130)
    return run(arguments)
