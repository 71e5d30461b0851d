"""Turn an exception into a sentence on stderr and an exit code."""

from __future__ import annotations

import errno

from typer.exceptions import Abort, TyperException

from vitonnx.cli._console import complain
from vitonnx.errors import VitonnxError

__all__ = ["explain"]


def explain(error: BaseException) -> int:
    """Print what went wrong, and return the exit code."""
    match error:
        case VitonnxError():
            complain(error)
            return error.exit_code
        case TyperException():
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "vitonnx"
            # A command without arguments has printed its help, and has no message.
            if message := error.format_message():
                complain(f"{message} (See `{command} --help`.)")
            return error.exit_code
        case Abort():
            raise KeyboardInterrupt from error
        case BrokenPipeError():  # the reader of our output has left
            pass
        case OSError():
            complain(_describe(error))
        case ImportError():
            complain(
                f"a package that vitonnx needs is missing or broken ({error}). Install it again "
                "with  pip install --force-reinstall 'vitonnx[export]'  (omit [export] if you only "
                "probe files)."
            )
        case MemoryError():
            complain(
                "not enough memory: use a smaller --size, or fewer pictures and models at once."
            )
        case _:
            complain(
                f"unexpected error ({type(error).__name__}: {error}). Run the command again with "
                "--debug, and report what it prints."
            )
    return 1


def _describe(error: OSError) -> str:
    """Describe an error of the system that no caller has explained."""
    name = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{name}the disk is full: free some space, or write elsewhere."
    return f"{name}{error.strerror or error}."
