"""A device by name: the provider behind it, its hardware, and where its arrays lie."""

from __future__ import annotations

import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from vitonnx.engine.devices._accelerators import ACCELERATORS, CPU, Accelerator
from vitonnx.engine.devices._nvidia import free_memory, gpu_name

__all__ = ["DEVICES", "Device", "processor_flags"]

DEVICES = ("cpu", *ACCELERATORS)


@dataclass(frozen=True)
class Device:
    """A device, and why it isn't a faster one.

    Parameters
    ----------
    name : str
        ``cpu``, ``cuda:N``, another of `DEVICES`, with the kind of hardware behind a colon where a
        provider drives several; or a provider's own name, where hardware was given of one that is
        not among them.
    note : str, optional
        Why "auto" chose the CPU, if there is a GPU.
    hardware : tuple
        The runtime's own objects, of what a plug-in drives.
    """

    name: str
    note: str | None = None
    hardware: tuple[Any, ...] = ()

    @property
    def is_cpu(self) -> bool:
        """Whether the runtime itself computes, without another provider."""
        return self.name == "cpu"

    @property
    def accelerator(self) -> Accelerator | None:
        """Accelerator behind the device; None for the CPU, and for hardware that we don't know."""
        return ACCELERATORS.get(self.name.partition(":")[0])

    @property
    def provider(self) -> str:
        """Provider that computes, by the runtime's name."""
        if self.hardware:
            return str(self.hardware[0].ep_name)
        return CPU if self.accelerator is None else self.accelerator.provider

    @property
    def memory(self) -> str:
        """Memory that holds its arrays, by the runtime's name."""
        accelerator = self.accelerator
        bound = accelerator is not None and accelerator.nvidia and not self.hardware
        return "cuda" if bound else "cpu"

    @property
    def free_memory(self) -> int | None:
        """Bytes that are free in the device's own memory; None without one, or where none tells."""
        return free_memory(self.number) if self.memory == "cuda" else None

    @property
    def number(self) -> int:
        """Number among several devices."""
        number = self.name.partition(":")[2]
        return int(number) if number.isdigit() else 0

    @property
    def kind(self) -> str:
        """Kind of hardware, where the provider drives several: "cpu", "gpu" or "npu"; else ""."""
        accelerator, (_, _, named) = self.accelerator, self.name.partition(":")
        kinds = () if accelerator is None else accelerator.kinds
        return (named or kinds[0]) if kinds else ""

    @property
    def title(self) -> str:
        """Name that the maker gave it, and its driver's version where it has one; "" if unknown."""
        if self.hardware:
            (first, *_) = self.hardware
            said = {**first.device.metadata, **first.ep_metadata}
            name = said.get("FULL_DEVICE_NAME") or said.get("Description")
            if not name and first.device.type.name == "CPU":
                name = _processor()
            return " ".join(filter(None, (name or first.device.vendor, said.get("driver_version"))))
        if self.memory == "cuda":
            return gpu_name(self.number)
        return _processor() if self.is_cpu or self.kind == "cpu" else ""

    @property
    def maker(self) -> str:
        """The provider and its version: what it computes may hang on it."""
        own = self.hardware[0].ep_metadata.get("version", "") if self.hardware else ""
        return " ".join(filter(None, (self.provider, own, onnxruntime.__version__)))


def processor_flags() -> frozenset[str]:
    """List what the processor can do beyond the usual, where the system tells; else nothing."""
    return frozenset(_told_of_processor("flags").split())


def _processor() -> str:
    """Name the processor, where the system tells."""
    return _told_of_processor("model name") or platform.processor()


def _told_of_processor(what: str) -> str:
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(rf"^{what}\s*:\s*(.+)$", words, re.MULTILINE)
    return found[1] if found else ""
