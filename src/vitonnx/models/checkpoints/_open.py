"""Recognise a checkpoint's format from its first bytes, never from its name."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from zipfile import ZipFile

from vitonnx.errors import CheckpointError
from vitonnx.models.checkpoints._damage import ZIP_ERRORS, damaged, reading
from vitonnx.models.checkpoints._npz import open_npz
from vitonnx.models.checkpoints._safetensors import open_safetensors
from vitonnx.models.checkpoints._tensor import Contents
from vitonnx.models.checkpoints._torch import PICKLE_MEMBER, open_torch_stream, open_torch_zip

__all__ = ["open_checkpoint"]

ZIP_MAGIC = b"PK\x03\x04"
PICKLE_MAGIC = b"\x80"
# Eight bytes of a safetensors file count its header, which is JSON.
HEADER_COUNT = 8


def open_checkpoint(path: Path) -> AbstractContextManager[Contents]:
    """Open a checkpoint of any format that vitonnx reads.

    Parameters
    ----------
    path : Path
        A ``.safetensors``, ``.pth``, ``.pt``, ``.bin`` or ``.npz`` file, under whatever name.

    Returns
    -------
    context manager that yields Contents

    Raises
    ------
    CheckpointError
        If there is no such file, or it is of no format that vitonnx reads.
    """
    head = _first_bytes(path)
    # First, as the count's own first byte may be a pickle's.
    if head[HEADER_COUNT:].startswith(b"{"):
        return open_safetensors(path)
    if head.startswith(PICKLE_MAGIC):
        return open_torch_stream(path)
    if head.startswith(ZIP_MAGIC):
        with reading(path, *ZIP_ERRORS), ZipFile(path) as archive:
            members = archive.namelist()
        if any(name.endswith(PICKLE_MEMBER) for name in members):
            return open_torch_zip(path)
        if any(name.endswith(".npy") for name in members):
            return open_npz(path)
    if len(head) <= HEADER_COUNT:
        raise damaged(path, f"it has {len(head)} bytes")
    raise CheckpointError(
        f"{path} is no checkpoint that vitonnx reads{_likeness(head)}: it takes .safetensors, "
        ".pth and .pt of PyTorch, and .npz of the original ViT."
    )


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise CheckpointError(
            f"{path} is a folder: give the checkpoint file in it, such as model.safetensors."
        )
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        raise CheckpointError(
            f"{path} can't be read ({error.strerror}): give the path of a checkpoint file."
        ) from error


def _likeness(head: bytes) -> str:
    """Say what a file looks like, where it is of a kind that is often saved by mistake."""
    if head.startswith(b"version https://git-lfs"):
        return " but a Git LFS pointer to one (git lfs pull fetches it)"
    if head.isascii() and not head.count(0):
        return " but a text, perhaps a web page that was saved in its place"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return " but an HDF5 file, as Keras writes"
    return ""
