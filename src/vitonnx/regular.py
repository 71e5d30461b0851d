"""Refuse inputs that would block forever or never end."""

from __future__ import annotations

import os
import stat

from vitonnx.errors import VitonnxError
from vitonnx.filenames import shown

__all__ = ["refuse_special", "special_kind"]

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def refuse_special(path: str | os.PathLike[str], error: type[VitonnxError]) -> None:
    """Refuse pipes, sockets and devices, also behind links, before anything opens them.

    Folders and missing files are left to the reader.

    Parameters
    ----------
    path : str or Path
        Path of the input.
    error : type of VitonnxError
        The reader's own.

    Raises
    ------
    VitonnxError
        The given one, if the path leads to anything but a file or a folder.

    Examples
    --------
    >>> refuse_special("bird.png", VitonnxError)
    >>> refuse_special(os.devnull, VitonnxError)
    Traceback (most recent call last):
        ...
    vitonnx.errors.VitonnxError: /dev/null is a device, but only regular files are read: write its \
content to a file, and give that.
    """
    try:
        kind = special_kind(os.stat(path).st_mode)  # noqa: PTH116 - any path, as it is
    except (OSError, ValueError):
        return
    if kind is not None:
        raise error(
            f"{shown(os.fspath(path))} is {kind}, but only regular files are read: write its "
            "content to a file, and give that."
        )


def special_kind(mode: int) -> str | None:
    """Return the kind of a special file (pipe, socket, device) by its mode; None for others."""
    return KINDS.get(stat.S_IFMT(mode))
