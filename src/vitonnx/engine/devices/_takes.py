"""Which precisions a device computes in, and whether the hardware has them."""

from __future__ import annotations

from vitonnx.engine.devices._choose import choose_device
from vitonnx.engine.devices._device import Device, processor_flags
from vitonnx.engine.devices._nvidia import compute_capability
from vitonnx.engine.devices._start import loads_and_runs
from vitonnx.engine.devices._trial import RUNTIME_ERRORS
from vitonnx.errors import DeviceError

__all__ = ["offered_precisions", "own_precision", "require_bf16", "require_precision"]

BF16_SINCE = (8, 0)  # NVIDIA's Ampere, of 2020
BF16_FLAGS = frozenset(("amx_bf16", "avx512_bf16", "avx_ne_convert"))
ON_CPU = ("fp32", "fp16", "int8")


def own_precision(device: Device) -> str:
    """Give what a device computes in where nobody asks, of a file in single precision."""
    return "fp16" if device.memory == "cuda" or device.kind == "npu" else "fp32"


def offered_precisions(device: str) -> tuple[str, ...]:
    """Name what a device of this name computes in, where its hardware can.

    Examples
    --------
    >>> offered_precisions("openvino:gpu")
    ('fp32', 'fp16', 'bf16', 'int8')
    """
    accelerator = Device(device).accelerator
    return ON_CPU if accelerator is None else accelerator.precisions


def require_precision(device: Device, precision: str) -> None:
    """Raise a DeviceError unless a device computes in a precision, as far as can be asked.

    What can't be asked is measured, once a graph runs there: see `engine/_proof.py`.
    """
    if precision == "bf16" and device.memory == "cuda":
        require_bf16(device)
    takes = offered_precisions(device.name)
    if precision not in takes:
        raise DeviceError(
            f"can't compute in {precision} on {device.name}: it takes {_list(takes)}."
        )
    if not _has(device, precision):
        raise DeviceError(
            f"can't compute in {precision} on {device.name}: {device.title or 'this hardware'} "
            "has no arithmetic for it. Use fp32."
        )


def require_bf16(device: Device | None = None) -> None:
    """Raise a DeviceError unless a device computes in bfloat16; by default, the one of ``auto``."""
    device = device or choose_device()
    if device.memory != "cuda" or compute_capability(device.number) < BF16_SINCE:
        raise DeviceError(
            f"can't compute in bf16 on {device.name}: that takes an NVIDIA GPU of compute "
            "capability 8.0 or later. Use fp16 or fp32."
        )


def _has(device: Device, precision: str) -> bool:
    """Ask the hardware, where it can be asked: OpenVINO lists what it has, WebGPU must try."""
    accelerator = device.accelerator
    if accelerator is None or precision in ("fp32", "int8"):
        return True
    if accelerator.hints:
        if device.kind == "cpu" and precision == "bf16" and (flags := processor_flags()):
            # Without these it is emulated, twenty times slower than single precision.
            return bool(flags & BF16_FLAGS)
        listed = device.hardware and device.hardware[0].ep_metadata.get("OPTIMIZATION_CAPABILITIES")
        return not listed or precision.upper() in listed.split()
    if accelerator.name == "webgpu" and precision == "fp16":
        try:
            return loads_and_runs(device, half=True)
        except RUNTIME_ERRORS:
            return False
    return True


def _list(words: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
