"""The folder of a demo: made where there is none, kept where there is."""

from __future__ import annotations

from pathlib import Path

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import check_place

__all__ = ["open_folder"]


def open_folder(folder: Path) -> None:
    """Make a folder, unless it is there, and check that it can be written.

    Raises
    ------
    UsageError
        If a file is in its way.
    VitonnxError
        If the system refuses to make it, or to write in it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"{folder} can't be a folder, as a file is in its way: give another one with -o."
        ) from error
    except OSError as error:
        raise VitonnxError(
            f"{folder} can't be made ({error.strerror}): give another folder with -o."
        ) from error
    check_place(folder)
