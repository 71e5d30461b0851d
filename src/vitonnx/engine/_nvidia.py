"""What the NVIDIA driver says, without any part of the CUDA toolkit."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["why_no_gpu"]


def why_no_gpu(number: int) -> str | None:
    """Say why there is no GPU of that number; None if there is one."""
    gpus = _count_gpus()
    if gpus is None:
        return "there is no NVIDIA driver on this machine"
    if gpus == 0:
        return "the NVIDIA driver sees no GPU"
    if number >= gpus:
        return f"the NVIDIA driver sees {gpus} GPU{'s' * (gpus != 1)}, and number {number} is none"
    return None


def _count_gpus() -> int | None:
    """Ask the driver; None if there is none."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return None
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
