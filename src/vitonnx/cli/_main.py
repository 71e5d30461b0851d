"""From arguments to an exit code: 0 done, 1 the work failed, 2 the call was wrong, 130 Ctrl-C."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from typer.exceptions import Abort, TyperException

from vitonnx.cli._app import app
from vitonnx.cli._console import complain
from vitonnx.errors import VitonnxError

__all__ = ["main"]

INTERRUPTED = 130


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
    if "--debug" in words:
        words.remove("--debug")
        return _run(words)
    try:
        return _run(words)
    except VitonnxError as error:
        complain(error)
        return error.exit_code
    except TyperException as error:
        complain(f"{error.format_message()} (See `vitonnx --help`.)")
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        complain("interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left; the interpreter's last flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        complain(f"{name}{error.strerror or error}.")
        return 1
    except MemoryError:
        complain("not enough memory: try a smaller --size, or fewer things at once.")
        return 1
    except Exception as error:
        complain(
            f"an error that vitonnx did not expect ({type(error).__name__}: {error}). "
            "Run the command again with --debug and report what it prints."
        )
        return 1


def _run(words: list[str]) -> int:
    code = app(words, prog_name="vitonnx", standalone_mode=False)
    return code if isinstance(code, int) else 0
