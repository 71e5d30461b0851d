"""One command, run and brought to an exit code; its errors are left to whoever asked for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from vitonnx.errors import UsageError
from vitonnx.filenames import refuse_address

__all__ = ["INTERRUPTED", "call"]

INTERRUPTED = 130


def call(command: Callable[..., object], words: Sequence[str]) -> int:
    """Run a command, and give its exit code.

    Parameters
    ----------
    command : callable
        Typer's, of the whole tree.
    words : sequence of str
        What is typed after ``vitonnx``.

    Raises
    ------
    UsageError
        If a word is an address of the net, or holds a NUL character: no command takes one.
    KeyboardInterrupt
        At Ctrl-C.
    Exception
        Whatever the command raises.
    """
    for word in words:
        if "\0" in word:
            raise UsageError(f"{word} holds a NUL character, which no name has: leave it out.")
        refuse_address(word.partition("=")[2] if word.startswith("--") else word)
    code = command(list(words), prog_name="vitonnx", standalone_mode=False)
    if code == INTERRUPTED:
        raise KeyboardInterrupt  # Typer makes a bare exit code of it.
    # Results that don't fit on the disk must fail here, and not after main has returned 0.
    sys.stdout.flush()
    return code if isinstance(code, int) else 0
