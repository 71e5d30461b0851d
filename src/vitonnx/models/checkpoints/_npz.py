"""Read NumPy's ``.npz`` files, the form of Google's original checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vitonnx.errors import CheckpointError
from vitonnx.models.checkpoints._damage import ZIP_ERRORS, reading
from vitonnx.models.checkpoints._tensor import Contents, Tensor, widen_bfloat16

__all__ = ["open_npz"]

SUFFIX = ".npy"


@contextmanager
def open_npz(path: Path) -> Iterator[Contents]:
    """Open an ``.npz`` file; arrays of Python objects, which are pickles, are refused.

    Parameters
    ----------
    path : Path
        An existing file.

    Yields
    ------
    Contents
        All under no key.

    Raises
    ------
    CheckpointError
        If the file is truncated or damaged, or holds Python objects.
    """
    with reading(path, *ZIP_ERRORS):
        archive = ZipFile(path)
    with archive:
        members = [name for name in archive.namelist() if name.endswith(SUFFIX)]
        yield {(): {name.removesuffix(SUFFIX): _tensor(path, archive, name) for name in members}}


def _tensor(path: Path, archive: ZipFile, name: str) -> Tensor:
    with reading(path, ValueError, *ZIP_ERRORS), archive.open(name) as member:
        version = npy.read_magic(member)
        read_header = npy.read_array_header_1_0 if version[0] == 1 else npy.read_array_header_2_0
        shape, _, dtype = read_header(member)
    if dtype.hasobject:
        raise CheckpointError(
            f"{path} holds Python objects under {name.removesuffix(SUFFIX)!r}, which could run "
            "code: it is not read. Save the parameters as plain arrays."
        )
    # NumPy has no bfloat16: big_vision's arrays of it are stored as two bytes without a type.
    bfloat16 = dtype.kind == "V" and dtype.itemsize == 2
    return Tensor(
        shape=shape,
        dtype="bfloat16" if bfloat16 else dtype.name,
        read=partial(_read, path, archive, name, bfloat16),
    )


def _read(path: Path, archive: ZipFile, name: str, bfloat16: bool) -> NDArray[Any]:
    with reading(path, ValueError, *ZIP_ERRORS), archive.open(name) as member:
        array: NDArray[Any] = npy.read_array(member, allow_pickle=False)
    return widen_bfloat16(array.view(np.uint16)) if bfloat16 else array
