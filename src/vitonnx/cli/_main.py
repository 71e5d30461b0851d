"""From arguments to an exit code: 0 done, 1 the work failed, 2 the call was wrong, 130 Ctrl-C."""

from __future__ import annotations

import errno
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
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "vitonnx"
        # A command without any arguments has shown its help, and leaves no message.
        if message := error.format_message():
            complain(f"{message} (See `{command} --help`.)")
        return error.exit_code
    except (KeyboardInterrupt, Abort):
        complain("interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has left
        _drop_output()
        return 1
    except OSError as error:
        complain(_describe(error))
        _drop_output()
        return 1
    except ImportError as error:
        complain(
            f"a package that vitonnx needs is missing or broken ({error}): install it again with "
            "pip install --force-reinstall 'vitonnx[export]', or without [export] if only files "
            "are probed."
        )
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
    if code == INTERRUPTED:
        raise KeyboardInterrupt  # Typer makes a bare exit code of it.
    # Results that don't fit on the disk must fail here, and not after main has returned 0.
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _describe(error: OSError) -> str:
    """Say what the system refused, where nobody who knew more has caught it."""
    name = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{name}the disk is full: free some space, or write elsewhere."
    return f"{name}{error.strerror or error}."


def _drop_output() -> None:
    """Drop what stdout can't take: Python would try again as it ends, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
