"""From arguments to an exit code: 0 done, 1 the work failed, 2 the call was wrong, 130 Ctrl-C."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vitonnx.cli._call import INTERRUPTED, call

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default. ``--debug`` anywhere among them lets tracebacks through.

    Returns
    -------
    int
        The exit code.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    # Everything else is imported inside, so that Ctrl-C is answered from the first moment on.
    try:
        if "--debug" in words:
            words.remove("--debug")
            return _run(words)
        return _run_quietly(words)
    except KeyboardInterrupt:
        # CPython remembers a Ctrl-C that passed through exec(), which dataclasses are made with,
        # and would end by the signal instead of with our code; another exec() makes it forget.
        exec("")
        print("error: interrupted.", file=sys.stderr)
        return INTERRUPTED


def _run(words: list[str]) -> int:
    from vitonnx.cli._app import app

    return call(app, words)


def _run_quietly(words: list[str]) -> int:
    """Run, and turn whatever goes wrong into a sentence and an exit code."""
    import logging
    import warnings

    from vitonnx.cli._letters import escape_what_streams_lack

    escape_what_streams_lack()
    # Others import it too, and where it keeps its fonts is nothing that a user can mend.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # What a library thinks of a picture's metadata is nothing that a user can mend.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            return _run(words)
    except Exception as error:
        from vitonnx.cli._failure import explain

        return explain(error)
