"""Accelerators by name, the packages that bring them, and what NVIDIA's driver says."""

from __future__ import annotations

import ctypes
import platform
import sys
from dataclasses import dataclass

__all__ = ["ACCELERATORS", "CPU", "CUDA", "Accelerator", "compute_capability", "why_no_gpu"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


@dataclass(frozen=True)
class Accelerator:
    """A kind of device, and the runtime's part that drives it."""

    name: str  # for ``--device``
    title: str  # as its makers write it
    provider: str  # the runtime's own name
    requirement: str  # the package that has the provider, as pip takes it
    systems: tuple[str, ...]  # for which the package exists, as in `sys.platform`
    needs: str  # what the provider needs in order to load
    remedy: str | None = None  # the line that brings it, where pip can
    nvidia: bool = False

    @property
    def installable(self) -> bool:
        """Whether pip finds the package for this machine: all but macOS's are for x86-64 only."""
        intel = platform.machine().lower() in ("x86_64", "amd64")
        return sys.platform in self.systems and (intel or sys.platform == "darwin")


ACCELERATORS = {
    accelerator.name: accelerator
    for accelerator in (
        Accelerator(
            "cuda",
            "CUDA",
            CUDA,
            "onnxruntime-gpu[cuda,cudnn]",
            ("linux", "win32"),
            needs="CUDA and cuDNN",
            remedy="pip install 'onnxruntime-gpu[cuda,cudnn]'",
            nvidia=True,
        ),
        Accelerator(
            "tensorrt",
            "TensorRT",
            "TensorrtExecutionProvider",
            "onnxruntime-gpu[cuda,cudnn]",
            ("linux", "win32"),
            needs="CUDA, cuDNN, and TensorRT 10 on the library path",
            remedy="pip install 'tensorrt-cu13<11'",
            nvidia=True,
        ),
        Accelerator(
            "openvino",
            "OpenVINO",
            "OpenVINOExecutionProvider",
            "onnxruntime-openvino",
            ("linux", "win32"),
            needs="OpenVINO's libraries, a separate package on Windows",
            remedy="pip install openvino",
        ),
        Accelerator(
            "coreml",
            "CoreML",
            "CoreMLExecutionProvider",
            "onnxruntime",
            ("darwin",),
            needs="a newer macOS",
        ),
        Accelerator(
            "directml",
            "DirectML",
            "DmlExecutionProvider",
            "onnxruntime-directml",
            ("win32",),
            needs="a GPU with a driver for DirectX 12",
        ),
    )
}


MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, …_MINOR


def why_no_gpu(number: int) -> str | None:
    """Return the reason why there is no GPU of that number; None if there is one."""
    gpus = _count_gpus()
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


def _count_gpus() -> int | None:
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
