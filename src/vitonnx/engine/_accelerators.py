"""Accelerators by name, and the packages that bring them."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

__all__ = ["ACCELERATORS", "CPU", "CUDA", "Accelerator"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


@dataclass(frozen=True)
class Accelerator:
    """A kind of device, and the runtime's part that drives it.

    Parameters
    ----------
    name : str
        Name for ``--device``.
    title : str
        Name as its makers write it.
    provider : str
        The runtime's own name.
    requirement : str
        The package that has the provider, as pip takes it.
    systems : tuple of str
        Systems for which the package exists, as in `sys.platform`.
    needs : str
        What the provider needs in order to load.
    remedy : str or None
        The line that brings it, where pip can.
    nvidia : bool
        Whether it runs on an NVIDIA GPU.
    """

    name: str
    title: str
    provider: str
    requirement: str
    systems: tuple[str, ...]
    needs: str
    remedy: str | None = None
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
