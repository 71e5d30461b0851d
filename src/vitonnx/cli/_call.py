"""Run one command and return its exit code; exceptions pass through to the caller."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from vitonnx.errors import UsageError
from vitonnx.filenames import refuse_address

__all__ = ["INTERRUPTED", "call"]

INTERRUPTED = 130


def call(command: Callable[..., object], words: Sequence[str]) -> int:
    """Run a command, and return its exit code.

    Parameters
    ----------
    command : callable
        Typer's root command.
    words : sequence of str
        Words typed after ``vitonnx``.

    Raises
    ------
    UsageError
        If a word is a URL or holds a NUL character: no command takes one.
    KeyboardInterrupt
        On Ctrl-C.
    Exception
        Any error of the command.
    """
    for word in words:
        if "\0" in word:
            raise UsageError(f"{word} holds a NUL character, which no name may: remove it.")
        refuse_address(word.partition("=")[2] if word.startswith("--") else word)
    code = command(list(words), prog_name="vitonnx", standalone_mode=False)
    if code == INTERRUPTED:
        raise KeyboardInterrupt  # Typer has turned it into an exit code
    # Results that don't fit on the disk must fail here, and not after main has returned 0.
    sys.stdout.flush()
    return code if isinstance(code, int) else 0
