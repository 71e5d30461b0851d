"""Which device shall run the graph, found out before the runtime can complain about it."""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass

import onnxruntime

from vitonnx.errors import DeviceError, UsageError

__all__ = ["CPU", "CUDA", "Device", "choose_device"]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"


@dataclass(frozen=True)
class Device:
    """A device, and why it isn't a faster one.

    Parameters
    ----------
    name : str
        ``cpu`` or ``cuda:N``.
    note : str or None
        Where ``auto`` chose the CPU: why not CUDA.
    """

    name: str
    note: str | None = None

    @property
    def providers(self) -> list[str | tuple[str, dict[str, str]]]:
        """Of onnxruntime, in order of preference."""
        if self.name == "cpu":
            return [CPU]
        return [(CUDA, {"device_id": self.name.removeprefix("cuda:")}), CPU]


def choose_device(device: str = "auto") -> Device:
    """Choose a device that the machine has.

    Parameters
    ----------
    device : str
        ``cpu``, ``cuda``, ``cuda:N``, or ``auto``: CUDA where there is a GPU for it, else the CPU.

    Raises
    ------
    UsageError
        If there is no device of that name.
    DeviceError
        If CUDA is asked for and can't work.

    Examples
    --------
    >>> choose_device("cpu").name
    'cpu'
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d+))?", device)
    if match is None:
        raise UsageError(f"device {device!r} is unknown; use auto, cpu, cuda or cuda:N.")
    if device == "cpu":
        return Device("cpu")
    number = int(match[1] or 0)
    obstacle = _why_not_cuda(number)
    if obstacle is None:
        return Device(f"cuda:{number}")
    if device == "auto":
        return without_cuda(obstacle)
    raise DeviceError(f"{device} can't be used: {obstacle}. Use --device cpu, or auto.")


def without_cuda(obstacle: str) -> Device:
    """Give the CPU, and say why it isn't CUDA."""
    return Device("cpu", note=f"running on the CPU, as {obstacle}.")


def _why_not_cuda(number: int) -> str | None:
    """Say what is in the way of CUDA; None if nothing is."""
    if CUDA not in onnxruntime.get_available_providers():
        return "the installed onnxruntime has no CUDA support (onnxruntime-gpu has)"
    gpus = _count_gpus()
    if gpus is None:
        return "there is no NVIDIA driver on this machine"
    if gpus == 0:
        return "the NVIDIA driver sees no GPU"
    if number >= gpus:
        return f"the NVIDIA driver sees {gpus} GPU{'s' * (gpus != 1)}, and number {number} is none"
    return None


def _count_gpus() -> int | None:
    """Ask the NVIDIA driver, without the CUDA toolkit; None if there is no driver."""
    library = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        driver = ctypes.CDLL(library)
    except OSError:
        return None
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
