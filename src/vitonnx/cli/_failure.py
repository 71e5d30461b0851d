"""From an exception to a sentence on stderr and an exit code."""

from __future__ import annotations

import errno

from typer.exceptions import Abort, TyperException

from vitonnx.cli._console import complain
from vitonnx.errors import VitonnxError

__all__ = ["explain"]


def explain(error: BaseException) -> int:
    """Say what went wrong, and give the exit code for it."""
    match error:
        case VitonnxError():
            complain(error)
            return error.exit_code
        case TyperException():
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "vitonnx"
            # A command without any arguments has shown its help, and leaves no message.
            if message := error.format_message():
                complain(f"{message} (See `{command} --help`.)")
            return error.exit_code
        case Abort():
            raise KeyboardInterrupt from error
        case BrokenPipeError():  # whoever read our output has left
            pass
        case OSError():
            complain(_describe(error))
        case ImportError():
            complain(
                f"a package that vitonnx needs is missing or broken ({error}): install it again "
                "with  pip install --force-reinstall 'vitonnx[export]'  , or without [export] if "
                "only files are probed."
            )
        case MemoryError():
            complain("not enough memory: try a smaller --size, or fewer things at once.")
        case _:
            complain(
                f"an error that vitonnx did not expect ({type(error).__name__}: {error}). "
                "Run the command again with --debug and report what it prints."
            )
    return 1


def _describe(error: OSError) -> str:
    """Say what the system refused, where nobody who knew more has caught it."""
    name = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{name}the disk is full: free some space, or write elsewhere."
    return f"{name}{error.strerror or error}."
