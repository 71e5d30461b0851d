"""Choose the device to run on, and find obstacles before the runtime complains about them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import onnxruntime

from vitonnx.engine._accelerators import (
    ACCELERATORS,
    CPU,
    CUDA,
    Accelerator,
    compute_capability,
    why_no_gpu,
)
from vitonnx.engine._trial import RUNTIME_ERRORS, Providers, first_line, loads_and_runs
from vitonnx.errors import DeviceError, UsageError
from vitonnx.runtimes import install_line, installed_runtimes

__all__ = ["DEVICES", "Device", "Obstacle", "choose_device", "find_obstacle", "require_bf16"]

DEVICES = ("cpu", *ACCELERATORS)
BF16_SINCE = (8, 0)  # NVIDIA's Ampere, of 2020


@dataclass(frozen=True)
class Device:
    """A device, and why it isn't a faster one."""

    name: str  # "cpu", "cuda:N", or another of `DEVICES`
    note: str | None = None  # why "auto" chose the CPU, if it did

    @property
    def accelerator(self) -> Accelerator | None:
        """Accelerator behind the device; None for the CPU."""
        return ACCELERATORS.get(self.name.partition(":")[0])

    @property
    def memory(self) -> str:
        """Memory that holds its arrays, by the runtime's name."""
        accelerator = self.accelerator
        return "cuda" if accelerator is not None and accelerator.nvidia else "cpu"

    @property
    def number(self) -> int:
        """Number among several devices."""
        return int(self.name.partition(":")[2] or 0)

    @property
    def providers(self) -> Providers:
        """Providers of onnxruntime, in order of preference."""
        accelerator = self.accelerator
        if accelerator is None:
            return [CPU]
        if not accelerator.nvidia:
            return [accelerator.provider, CPU]
        # CUDA runs what TensorRT can't.
        cuda = (CUDA, {"device_id": str(self.number)})
        return [cuda, CPU] if accelerator.provider == CUDA else [accelerator.provider, cuda, CPU]


@dataclass(frozen=True)
class Obstacle:
    """Why a device can't be used, and the line to type against it where there is one."""

    reason: str
    remedy: str | None = None

    def __str__(self) -> str:
        return self.reason if self.remedy is None else f"{self.reason} (`{self.remedy}`)"


def choose_device(device: str = "auto") -> Device:
    """Choose a device that the machine has: one of `DEVICES`, ``cuda:N`` or ``auto``.

    ``auto`` is CUDA where there is a GPU for it, else the CPU. Raise a DeviceError if a device that
    was named doesn't work, and a UsageError if there is none of that name.

    Examples
    --------
    >>> choose_device("cpu").name
    'cpu'
    """
    if device == "cpu":
        return Device("cpu")
    chosen = _named("cuda" if device == "auto" else device)
    obstacle = _find_obstacle(chosen)
    if obstacle is None:
        return chosen
    if device == "auto":
        return Device("cpu", note=f"running on the CPU: {obstacle}.")
    raise DeviceError(f"can't use {device}: {obstacle}. Use --device cpu, or auto.")


def find_obstacle(device: str) -> Obstacle | None:
    """Try a device for real, and return the obstacle, or None if it works.

    Parameters
    ----------
    device : str
        One of `DEVICES`, or ``cuda:N``.

    Raises
    ------
    UsageError
        If no device has that name.

    Examples
    --------
    >>> find_obstacle("cpu") is None
    True
    """
    return _find_obstacle(_named(device))


def require_bf16(device: Device | None = None) -> None:
    """Raise a DeviceError unless a device computes in bfloat16; by default, the one of ``auto``."""
    device = device or choose_device()
    if device.memory != "cuda" or compute_capability(device.number) < BF16_SINCE:
        raise DeviceError(
            f"can't compute in bf16 on {device.name}: that takes an NVIDIA GPU of compute "
            "capability 8.0 or later. Use fp16 or fp32."
        )


def _named(device: str) -> Device:
    if device not in DEVICES and not re.fullmatch(r"cuda:\d+", str(device)):
        known = ", ".join(("auto", *DEVICES))
        raise UsageError(f"device {device!r} is unknown; use {known}, or cuda:N.")
    return Device("cuda:0" if device == "cuda" else device)


def _find_obstacle(device: Device) -> Obstacle | None:
    accelerator = device.accelerator
    if accelerator is not None:
        # Without a GPU there is nothing that would be worth an installation.
        if accelerator.nvidia and (why := why_no_gpu(device.number)):
            return Obstacle(why)
        if accelerator.provider not in onnxruntime.get_available_providers():
            return _without_provider(accelerator)
    try:
        works = loads_and_runs(device.providers)
    except RUNTIME_ERRORS as error:
        return Obstacle(f"can't start {device.name} ({first_line(error)})")
    if works:
        return None
    if accelerator is None:
        return Obstacle("onnxruntime doesn't load")
    return Obstacle(
        f"onnxruntime's {accelerator.title} support doesn't load: it needs {accelerator.needs}",
        accelerator.remedy,
    )


def _without_provider(accelerator: Accelerator) -> Obstacle:
    """Describe what would bring a provider that the installed runtime lacks."""
    if not accelerator.installable:
        return Obstacle(f"onnxruntime has no {accelerator.title} support for this system")
    installed = installed_runtimes()
    return Obstacle(
        f"there is no {accelerator.title} support in "
        f"{' or '.join(installed) or 'the installed onnxruntime'}; the package that has it must "
        "replace that one, since they share a folder",
        install_line(accelerator.requirement, instead_of=installed),
    )
