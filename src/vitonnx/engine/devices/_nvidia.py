"""What NVIDIA's driver says of its GPUs, before any library is loaded for them."""

from __future__ import annotations

import ctypes
import sys

__all__ = ["compute_capability", "free_memory", "gpu_name", "why_no_gpu"]

MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, …_MINOR
LONGEST_NAME = 256


def why_no_gpu(number: int) -> str | None:
    """Return the reason why there is no GPU of that number; None if there is one."""
    gpus = count_gpus()
    if gpus is None:
        return "there is no NVIDIA driver on this machine"
    if gpus == 0:
        return "the NVIDIA driver sees no GPU"
    if number >= gpus:
        return (
            f"the NVIDIA driver sees {gpus} GPU{'s' * (gpus != 1)}, but none with number {number}"
        )
    return None


def compute_capability(number: int) -> tuple[int, int]:
    """Return the compute capability of a GPU; (0, 0) if there is none of that number."""
    driver, device = _driver(), ctypes.c_int()
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), number) != 0:
        return 0, 0
    major, minor = ctypes.c_int(), ctypes.c_int()
    for attribute, value in ((MAJOR, major), (MINOR, minor)):
        driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    return major.value, minor.value


def gpu_name(number: int) -> str:
    """Return a GPU's own name and its driver's version; "" if there is none of that number."""
    driver, device, version = _driver(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(LONGEST_NAME)
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), number) != 0:
        return ""
    driver.cuDeviceGetName(name, LONGEST_NAME, device)
    driver.cuDriverGetVersion(ctypes.byref(version))
    return f"{name.value.decode(errors='replace')}, CUDA {version.value // 1000}"


def free_memory(number: int) -> int | None:
    """Return the bytes that are free on a GPU; None if there is none of that number."""
    driver, device, context = _driver(), ctypes.c_int(), ctypes.c_void_p()
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), number) != 0:
        return None
    # It is asked in a context; the one that all of a process share is the runtime's, too.
    if driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) != 0:
        return None
    free, whole = ctypes.c_size_t(), ctypes.c_size_t()
    try:
        if driver.cuCtxPushCurrent_v2(context) != 0:
            return None
        failed = driver.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(whole))
        driver.cuCtxPopCurrent_v2(ctypes.byref(context))
    finally:
        driver.cuDevicePrimaryCtxRelease_v2(device)
    return None if failed else free.value


def count_gpus() -> int | None:
    """Ask the driver; None if there is none."""
    driver = _driver()
    if driver is None:
        return None
    count = ctypes.c_int()
    return count.value if driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


def _driver() -> ctypes.CDLL | None:
    """Load the driver and wake it; None if there is none."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return None
    driver.cuInit(0)  # where this fails, so do all questions after it
    return driver
