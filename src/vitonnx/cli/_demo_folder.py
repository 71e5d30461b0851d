"""The folder of a demo, made if it doesn't exist."""

from __future__ import annotations

from pathlib import Path

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import check_place

__all__ = ["open_folder"]


def open_folder(folder: Path) -> None:
    """Make a folder if it doesn't exist, and check that it can be written to.

    Raises
    ------
    UsageError
        If a file is in its way.
    VitonnxError
        If the system refuses to make it, or to write to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"can't make the folder {folder}: a file is in its way. Give another one with -o."
        ) from error
    except OSError as error:
        raise VitonnxError(
            f"can't make the folder {folder}: {error.strerror}. Give another one with -o."
        ) from error
    check_place(folder)
