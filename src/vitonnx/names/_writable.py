"""Folders of the user's cache, where they can be written."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from pathlib import Path

from vitonnx.errors import VitonnxError

__all__ = ["writable", "writable_folder"]


def writable(cached: Path) -> Path:
    """Return a path for a file to keep, in a folder from `writable_folder`."""
    return writable_folder(cached.parent) / cached.name


def writable_folder(cached: Path) -> Path:
    """Make a folder for files to keep, and return it.

    If the system refuses, as with a read-only or missing home, use a folder that is removed when
    this process ends: the work is then repeated in every run.

    Raises
    ------
    VitonnxError
        If no temporary folder can be made either.
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
                f"can't write to {cached} or to a temporary folder: set TMPDIR to a folder of "
                "yours."
            ) from error
        atexit.register(stack.close)
        return folder
    return cached
