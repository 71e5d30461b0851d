"""Turn arguments into an exit code.

0 done, 1 the work failed, 2 the call was wrong; 128 plus the number of a signal that ended the
process: 130 Ctrl-C, 143 SIGTERM, 129 SIGHUP.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vitonnx.cli._signals import Ending

__all__ = ["run"]


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command: see `vitonnx.cli.main`."""
    with Ending(last=arguments is None) as ending:
        # Everything else is imported inside, so that Ctrl-C is handled from the start.
        try:
            code = _run(sys.argv[1:] if arguments is None else list(arguments), ending)
            ending.close()
        except KeyboardInterrupt:
            ending.close()
            # CPython remembers a Ctrl-C that passed through exec(), which builds dataclasses, and
            # would exit by the signal instead of with our code; another exec() clears that.
            exec("")
            return ending.code()
        return ending.code() if ending.asked else code


def _run(words: list[str], ending: Ending) -> int:
    """Run a command, and turn errors into a sentence and an exit code, except with --debug."""
    from vitonnx.cli._streams import drop_output, open_streams

    if "--debug" in words:
        open_streams()
        import logging

        logging.basicConfig()  # log lines of libraries go to stderr, whatever handlers they have
        return _call([word for word in words if word != "--debug"])
    from vitonnx.cli._libraries import unheard_libraries

    try:
        open_streams()
        with unheard_libraries():
            return _call(words)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # panics of Rust libraries aren't an Exception
        # Interrupted work may fail with an error of its own.
        if ending.asked:
            raise KeyboardInterrupt from error
        from vitonnx.cli._failure import explain

        return explain(error)
    finally:
        drop_output()


def _call(words: list[str]) -> int:
    from vitonnx.cli._app import app
    from vitonnx.cli._call import call

    return call(app, words)
