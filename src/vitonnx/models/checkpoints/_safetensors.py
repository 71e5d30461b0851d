"""Read ``.safetensors`` files, the form that timm and transformers publish today."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import MissingExtraError
from vitonnx.models.checkpoints._stored_tensor import Contents, Tensor

__all__ = ["open_safetensors"]

LONGEST_HEADER: Final = 8 * 2**20
"""Bytes: as many arrays as a checkpoint may have, under the longest names, take six million."""

DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


@contextmanager
def open_safetensors(path: Path) -> Iterator[Contents]:
    """Open a ``.safetensors`` file, all of whose arrays are under the empty key.

    Raises
    ------
    Exception
        If the file is truncated or damaged.
    MissingExtraError
        If safetensors is not installed.
    """
    try:
        import ml_dtypes
        from safetensors import safe_open
    except ImportError as error:
        raise MissingExtraError(
            f"can't read {path} without {error.name}, a part of the export extra: pip install "
            "'vitonnx[export]'."
        ) from error

    # Importing ml_dtypes is what teaches NumPy, and so safetensors, the name bfloat16.
    bfloat16 = np.dtype(ml_dtypes.bfloat16)

    def read(name: str) -> NDArray[Any]:
        array: NDArray[Any] = file.get_tensor(name)
        return array.astype(np.float32) if array.dtype == bfloat16 else array

    _check_header(path)
    with safe_open(path, "numpy") as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        tensors = {
            name: Tensor(
                shape=tuple(entry.get_shape()),
                dtype=DTYPES.get(entry.get_dtype(), entry.get_dtype()),
                read=partial(read, name),
            )
            for name, entry in slices.items()
        }
        yield {(): tensors}


def _check_header(path: Path) -> None:
    """Refuse a header that would take hundreds of bytes of memory for each of its own."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"its header has {length:,} bytes")
