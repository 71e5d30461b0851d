"""An array of a checkpoint file, not read yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLOATS", "Contents", "Tensor", "widen_bfloat16"]

FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An array's shape and type in the file, and the way to its values.

    Checkpoints are opened as mappings of name to `Tensor`, so that only one array at a time is held
    besides those already converted: a ViT-L has 1.2 GB of them. The type is NumPy's name, or
    ``bfloat16``, which is read as float32, or the format's own name for types NumPy lacks.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], NDArray[Any]]


# What a file holds: by the keys of the dicts that lead there (none in a file without such), the
# arrays by name.
Contents = dict[tuple[str, ...], dict[str, Tensor]]


def widen_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Turn the bits of bfloat16 into float32, exactly: it is float32's upper half.

    Examples
    --------
    >>> widen_bfloat16(np.array([0x3F80, 0xC000], np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    return (bits.astype(np.uint32) << 16).view(np.float32)
