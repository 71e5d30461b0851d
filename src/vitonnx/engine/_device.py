"""Which device shall run the graph, found out before the runtime can complain about it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from vitonnx.errors import DeviceError, UsageError

__all__ = [
    "CPU",
    "CUDA",
    "FATAL_ONLY",
    "RUNTIME_ERRORS",
    "Device",
    "choose_device",
    "first_line",
    "why_not",
]

CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
# The runtime's exceptions have no base of their own.
RUNTIME_ERRORS = tuple(
    value
    for value in vars(runtime).values()
    if isinstance(value, type) and issubclass(value, Exception)
)
WARNINGS, FATAL_ONLY = 2, 4  # the runtime's levels of logging: its default, and next to nothing
REMEDY = (
    "onnxruntime's CUDA support doesn't load: it needs CUDA and cuDNN "
    "(pip install 'onnxruntime-gpu[cuda,cudnn]')"
)


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
    chosen = Device(f"cuda:{number}")
    obstacle = _why_not_cuda(number) or why_not(chosen)
    if obstacle is None:
        return chosen
    if device == "auto":
        return Device("cpu", note=f"running on the CPU, as {obstacle}.")
    raise DeviceError(f"{device} can't be used: {obstacle}. Use --device cpu, or auto.")


def why_not(device: Device) -> str | None:
    """Run a graph of one node on a device; say what is in the way, or None if it works."""
    import onnx

    sides = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [3]) for name in "xy"]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["x"], ["y"])], "trial", sides[:1], sides[1:]
    )
    opset = onnx.helper.make_opsetid("", 21)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = FATAL_ONLY
    provider = device.providers[0]
    name = provider if isinstance(provider, str) else provider[0]
    try:
        with _speechless_runtime():
            if name == CUDA:
                onnxruntime.preload_dlls()
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=device.providers
            )
            session.run(None, {"x": np.zeros(3, np.float32)})
    except RUNTIME_ERRORS as error:
        return f"nothing can be started on {device.name} ({first_line(error)})"
    if name not in session.get_providers():
        return REMEDY
    return None


@contextlib.contextmanager
def _speechless_runtime() -> Iterator[None]:
    """Keep the runtime from printing a page about a missing library: our error says it in a line.

    Its provider logs outside of any session, and its Python layer prints. Both are the whole
    process's, so this is held as short as possible, and never where only the CPU is asked for.
    """
    onnxruntime.set_default_logger_severity(FATAL_ONLY)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        onnxruntime.set_default_logger_severity(WARNINGS)


def first_line(error: Exception) -> str:
    """Shorten what the runtime says to what a person can use."""
    words = str(error).strip().splitlines()[0]
    # "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from FILE failed:Protobuf parsing …"
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model .* failed: ?)?", "", words)[
        :200
    ]


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
