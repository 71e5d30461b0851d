"""What may be read as a file: nothing that would wait for ever, or never end."""

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
    """Refuse pipes, sockets and devices, behind links too, before anything opens them.

    Folders and what isn't there are left to whoever opens them.

    Parameters
    ----------
    path : str or Path
        Of the input.
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
    vitonnx.errors.VitonnxError: /dev/null is a device, and only files are read: write what it \
gives into a file, and give that.
    """
    try:
        kind = special_kind(os.stat(path).st_mode)  # noqa: PTH116 - any path, as it is
    except (OSError, ValueError):
        return
    if kind is not None:
        raise error(
            f"{shown(os.fspath(path))} is {kind}, and only files are read: write what it gives "
            "into a file, and give that."
        )


def special_kind(mode: int) -> str | None:
    """Say what a file's mode makes of it: a pipe, a socket, a device; None for anything else."""
    return KINDS.get(stat.S_IFMT(mode))
