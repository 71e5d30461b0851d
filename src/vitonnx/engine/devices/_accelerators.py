"""Accelerators by name, what each can compute in, and the packages that bring them."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

__all__ = ["ACCELERATORS", "CPU", "CUDA", "Accelerator", "Plugin"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

INTEL = ("linux-x86_64", "win32-x86_64")
MAC = ("darwin-x86_64", "darwin-arm64")


@dataclass(frozen=True)
class Plugin:
    """A package that brings a provider to any onnxruntime, and stands beside it."""

    package: str
    module: str
    extra: str  # of vitonnx, which has its bounds
    systems: tuple[str, ...]  # as `system` names them
    drives: str  # the hardware, in words
    library: str = "get_library_path"  # the module's function that tells the library's place

    @property
    def installable(self) -> bool:
        """Whether pip finds the package for this machine."""
        return system() in self.systems


@dataclass(frozen=True)
class Accelerator:
    """A kind of device, and the runtime's part that drives it."""

    name: str  # for ``--device``
    title: str  # as its makers write it
    provider: str  # the runtime's own name
    precisions: tuple[str, ...]  # that it computes in, where the hardware can
    plugin: Plugin | None = None
    # The package that has the provider built in, as pip takes it, and for which systems.
    requirement: str | None = None
    systems: tuple[str, ...] = ()
    needs: str = ""  # what the provider needs in order to load
    remedy: str | None = None  # the line that brings it, where pip can
    nvidia: bool = False
    kinds: tuple[str, ...] = ()  # of hardware that it drives, named behind a colon; the first is
    # meant where none is named
    hints: bool = False  # whether it is told the precision, instead of finding it in the graph

    @property
    def installable(self) -> bool:
        """Whether pip finds the package that has it built in for this machine."""
        return system() in self.systems


def system() -> str:
    """Name the system and the processor, as the rows below do.

    Examples
    --------
    >>> system() in ("linux-x86_64", "linux-arm64", *MAC, "win32-x86_64", "win32-arm64")
    True
    """
    machine = platform.machine().lower()
    known = {"amd64": "x86_64", "aarch64": "arm64"}
    return f"{sys.platform}-{known.get(machine, machine)}"


ACCELERATORS = {
    accelerator.name: accelerator
    for accelerator in (
        Accelerator(
            "cuda",
            "CUDA",
            CUDA,
            ("fp32", "tf32", "fp16", "bf16", "int8"),
            requirement="onnxruntime-gpu[cuda,cudnn]",
            systems=INTEL,
            needs="CUDA and cuDNN",
            remedy="pip install 'onnxruntime-gpu[cuda,cudnn]'",
            nvidia=True,
        ),
        Accelerator(
            "tensorrt",
            "TensorRT",
            "TensorrtExecutionProvider",
            ("fp32", "tf32", "fp16", "bf16", "int8"),
            requirement="onnxruntime-gpu[cuda,cudnn]",
            systems=INTEL,
            needs="CUDA, cuDNN, and TensorRT 10 on the library path",
            remedy="pip install 'tensorrt-cu13<11'",
            nvidia=True,
        ),
        Accelerator(
            "tensorrt-rtx",
            "TensorRT for RTX",
            "NvTensorRTRTXExecutionProvider",
            ("fp32", "fp16", "bf16"),
            Plugin(
                "onnxruntime-ep-nv-tensorrt-rtx",
                "onnxruntime_ep_nv_tensorrt_rtx",
                "tensorrt-rtx",
                INTEL,
                drives="NVIDIA's RTX GPUs",
            ),
            nvidia=True,
        ),
        Accelerator(
            "openvino",
            "OpenVINO",
            "OpenVINOExecutionProvider",
            ("fp32", "fp16", "bf16", "int8"),
            Plugin(
                "onnxruntime-ep-openvino",
                "onnxruntime_ep_openvino",
                "openvino",
                INTEL,
                drives="Intel's processors, GPUs and NPUs",
            ),
            requirement="onnxruntime-openvino",
            systems=INTEL,
            needs="OpenVINO's libraries, a separate package on Windows",
            remedy="pip install openvino",
            kinds=("cpu", "gpu", "npu"),
            hints=True,
        ),
        Accelerator(
            "webgpu",
            "WebGPU",
            "WebGpuExecutionProvider",
            ("fp32", "fp16"),
            Plugin(
                "onnxruntime-ep-webgpu",
                "onnxruntime_ep_webgpu",
                "webgpu",
                ("linux-x86_64", "linux-arm64", "win32-x86_64", "win32-arm64", "darwin-arm64"),
                drives="GPUs with a driver for Vulkan, Direct3D 12 or Metal (on Linux, the system "
                "must have libvulkan.so.1)",
            ),
            requirement="onnxruntime-webgpu",
            systems=(*INTEL, *MAC),
            needs="a GPU with a driver for Vulkan, Direct3D 12 or Metal",
        ),
        Accelerator(
            "mlx",
            "MLX",
            "MLXExecutionProvider",
            ("fp32", "fp16"),
            Plugin(
                "onnxruntime-ep-mlx",
                "onnxruntime_ep_mlx",
                "mlx",
                ("darwin-arm64",),
                drives="Apple's processors from the M1 on",
                library="library_path",
            ),
        ),
        Accelerator(
            "coreml",
            "CoreML",
            "CoreMLExecutionProvider",
            ("fp32", "fp16"),
            requirement="onnxruntime",
            systems=MAC,
            needs="a newer macOS",
        ),
        Accelerator(
            "directml",
            "DirectML",
            "DmlExecutionProvider",
            ("fp32", "fp16"),
            requirement="onnxruntime-directml",
            systems=("win32-x86_64",),
            needs="a GPU with a driver for DirectX 12",
        ),
    )
}
