"""Read ``.safetensors`` files, the form that timm and transformers publish today."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import MissingExtraError
from vitonnx.models.checkpoints._damage import reading
from vitonnx.models.checkpoints._tensor import Contents, Tensor

__all__ = ["open_safetensors"]

DTYPES = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


@contextmanager
def open_safetensors(path: Path) -> Iterator[Contents]:
    """Open a ``.safetensors`` file.

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
        If the file is truncated or damaged.
    MissingExtraError
        If safetensors is not installed.
    """
    try:
        import ml_dtypes
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise MissingExtraError(
            f"{path} can't be read without {error.name}, which belongs to the export extra: "
            "pip install 'vitonnx[export]'."
        ) from error

    # Importing ml_dtypes is what teaches NumPy, and so safetensors, the name bfloat16.
    bfloat16 = np.dtype(ml_dtypes.bfloat16)

    def read(name: str) -> NDArray[Any]:
        array: NDArray[Any] = file.get_tensor(name)
        return array.astype(np.float32) if array.dtype == bfloat16 else array

    with reading(path, SafetensorError), safe_open(path, "numpy") as file:
        names = file.keys()
        slices = {name: file.get_slice(name) for name in names}
        tensors = {
            name: Tensor(
                shape=tuple(entry.get_shape()),
                dtype=DTYPES.get(entry.get_dtype(), entry.get_dtype()),
                read=partial(read, name),
            )
            for name, entry in slices.items()
        }
        yield {(): tensors}
