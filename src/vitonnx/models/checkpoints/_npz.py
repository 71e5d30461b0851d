"""Read NumPy's ``.npz`` files, the form of Google's original checkpoints."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vitonnx.errors import CheckpointError
from vitonnx.models.checkpoints._bounds import open_zip
from vitonnx.models.checkpoints._stored_tensor import Contents, Tensor, widen_bfloat16

__all__ = ["open_npz"]

SUFFIX = ".npy"
LONGEST_HEADER: Final = 10_240
"""Bytes; NumPy itself takes no more than 10,000 for safe."""


@contextmanager
def open_npz(path: Path) -> Iterator[Contents]:
    """Open an ``.npz`` file, all of whose arrays are under the empty key.

    Raises
    ------
    Exception
        If the file is truncated or damaged, or holds arrays of Python objects, which are pickles.
    """
    with open_zip(path) as archive:
        members = [name for name in archive.namelist() if name.endswith(SUFFIX)]
        yield {(): {name.removesuffix(SUFFIX): _tensor(path, archive, name) for name in members}}


def _tensor(path: Path, archive: ZipFile, name: str) -> Tensor:
    with archive.open(name) as member:
        head = io.BytesIO(member.read(LONGEST_HEADER))
    try:
        version = npy.read_magic(head)
        read_header = npy.read_array_header_1_0 if version[0] == 1 else npy.read_array_header_2_0
        shape, _, dtype = read_header(head)
    # It is a literal of Python: its whole parser may stumble.
    except Exception as error:
        raise BadZipFile(f"{name} has no readable header") from error
    if dtype.hasobject:
        raise CheckpointError(
            f"{path} holds Python objects under {name.removesuffix(SUFFIX)!r}, which could run "
            "code, so it is refused. Save the parameters as plain arrays."
        )
    length = head.tell() + math.prod(shape) * dtype.itemsize
    if any(side < 0 for side in shape) or archive.getinfo(name).file_size != length:
        raise BadZipFile(f"the length of {name} doesn't match its shape and type")
    # NumPy has no bfloat16: big_vision's arrays of it are stored as two bytes without a type.
    bfloat16 = dtype.kind == "V" and dtype.itemsize == 2
    return Tensor(
        shape=shape,
        dtype="bfloat16" if bfloat16 else dtype.name,
        read=partial(_read, archive, name, bfloat16),
    )


def _read(archive: ZipFile, name: str, bfloat16: bool) -> NDArray[Any]:
    with archive.open(name) as member:
        array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
    return widen_bfloat16(array.view(np.uint16)) if bfloat16 else array
