"""Arrays of any library, by the protocol that all of them speak: DLPack."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import PictureError

__all__ = ["Tensor", "on_host"]

CPU = 1  # DLPack's number for it


@runtime_checkable
class Tensor(Protocol):
    """An array of PyTorch, CuPy, JAX or any other library that has DLPack.

    References
    ----------
    Array API standard, "Data interchange mechanisms".
    """

    def __dlpack__(self, *, stream: Any = None) -> Any:
        """Export the array to another library."""

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the type of the array's device, and its number."""


def on_host(tensor: Tensor) -> NDArray[Any]:
    """See a tensor as a NumPy array, without a copy.

    Raises
    ------
    PictureError
        If it isn't in CPU memory, or NumPy lacks its type.

    Examples
    --------
    >>> on_host(np.arange(3, dtype=np.uint8)).shape
    (3,)
    """
    if int(tensor.__dlpack_device__()[0]) != CPU:
        raise PictureError(
            f"a {type(tensor).__name__} is on a GPU, but pictures are scaled on the CPU: move it "
            "there, or give a batch of the model's size to `Engine.probe_pixels`."
        )
    try:
        return np.from_dlpack(tensor)
    except (BufferError, RuntimeError, TypeError) as error:
        raise PictureError(
            f"can't read a {type(tensor).__name__} ({error}): give it as uint8."
        ) from error
