"""What can be faster than the CPU: the names, and what brings each to a machine."""

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
        As it is asked for.
    title : str
        As its makers write it.
    provider : str
        The runtime's own name.
    requirement : str
        The package that has the provider, as pip takes it.
    systems : tuple of str
        Where there is such a package, as in `sys.platform`.
    needs : str
        Without which the provider doesn't load.
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
        """Whether pip finds the package on this machine: all but macOS's are for x86-64 alone."""
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
            needs="CUDA, cuDNN, and TensorRT 10 on the path of libraries",
            remedy="pip install 'tensorrt-cu13<11'",
            nvidia=True,
        ),
        Accelerator(
            "openvino",
            "OpenVINO",
            "OpenVINOExecutionProvider",
            "onnxruntime-openvino",
            ("linux", "win32"),
            needs="OpenVINO's libraries, which on Windows are a package of their own",
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
