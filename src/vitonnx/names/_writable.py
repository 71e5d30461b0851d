"""Folders of the user's cache, where they can be written."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from pathlib import Path

from vitonnx.errors import VitonnxError

__all__ = ["writable", "writable_folder"]


def writable(cached: Path) -> Path:
    """Give a file that is to be kept, in a folder as `writable_folder` makes it."""
    return writable_folder(cached.parent) / cached.name


def writable_folder(cached: Path) -> Path:
    """Make a folder for what is to be kept, and give it.

    Where the system refuses, as in a home that is read-only or missing, it is a folder that goes
    when this process ends: the same work is then done in every run.

    Raises
    ------
    VitonnxError
        If there is no folder for temporary files either.
    """
    from vitonnx.media import passing_folder, temporary_folder

    try:
        cached.mkdir(parents=True, exist_ok=True)
        with passing_folder(cached):
            pass
    except OSError:
        try:
            stack = ExitStack()
            folder = stack.enter_context(temporary_folder())
        except OSError as error:
            raise VitonnxError(
                f"Neither {cached} nor a folder for temporary files can be written: set TMPDIR to "
                "a folder of yours."
            ) from error
        atexit.register(stack.close)
        return folder
    return cached
