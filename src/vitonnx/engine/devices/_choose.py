"""Choose the device to run on, and find obstacles before the runtime complains about them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import onnxruntime

from vitonnx.engine.devices._accelerators import ACCELERATORS, Accelerator
from vitonnx.engine.devices._device import DEVICES, Device
from vitonnx.engine.devices._nvidia import why_no_gpu
from vitonnx.engine.devices._plugins import came_by_plugin, is_plugged, plugged_devices
from vitonnx.engine.devices._start import LOST_BY_FORK, loads_and_runs, lost_by_fork
from vitonnx.engine.devices._trial import RUNTIME_ERRORS, first_line
from vitonnx.errors import DeviceError, UsageError
from vitonnx.runtimes import install_line, installed_runtimes

__all__ = ["Obstacle", "choose_device", "find_device", "find_obstacle", "list_devices"]


@dataclass(frozen=True)
class Obstacle:
    """Why a device can't be used, and the line to type against it where there is one."""

    reason: str
    remedy: str | None = None
    absent: bool = False  # whether the machine has no such hardware: nothing to mend

    def __str__(self) -> str:
        return self.reason if self.remedy is None else f"{self.reason} (`{self.remedy}`)"


def choose_device(device: str | Sequence[Any] = "auto") -> Device:
    """Choose a device that the machine has.

    Parameters
    ----------
    device : str or sequence
        ``auto``, one of `DEVICES`, ``cuda:N``, or ``openvino:gpu`` and the like; or hardware of one
        provider, as `onnxruntime.get_ep_devices` lists it, for plug-ins that aren't among them.
        ``auto`` is CUDA where there is a GPU for it, else the CPU.

    Raises
    ------
    DeviceError
        If a device that was named or given doesn't work.
    UsageError
        If there is none of that name, or what was given is no hardware of one provider.

    Examples
    --------
    >>> choose_device("cpu").name
    'cpu'
    """
    if device == "cpu":
        return Device("cpu")
    named = _named(device) if isinstance(device, str) else _given(device)
    found = find_device(named)
    if isinstance(found, Device):
        return found
    if device != "auto":
        name = device if isinstance(device, str) else named.name
        raise DeviceError(f"can't use {name}: {found}. Use --device cpu, or auto.")
    # Where there is no GPU, nobody misses one.
    return Device("cpu", note=None if found.absent else f"running on the CPU: {found}.")


def find_obstacle(device: str) -> Obstacle | None:
    """Try a device for real, and return the obstacle, or None if it works.

    Parameters
    ----------
    device : str
        A name as `choose_device` takes it.

    Raises
    ------
    UsageError
        If no device has that name.

    Examples
    --------
    >>> find_obstacle("cpu") is None
    True
    """
    found = find_device(device)
    return found if isinstance(found, Obstacle) else None


def find_device(device: str | Device) -> Device | Obstacle:
    """Find a device by its name, or take one, and try it for real."""
    named = device if isinstance(device, Device) else _named(device)
    found = _find(named) if named.accelerator is not None and not named.hardware else named
    if isinstance(found, Obstacle):
        return found
    if lost_by_fork(found):
        return Obstacle(LOST_BY_FORK)
    try:
        works = loads_and_runs(found)
    except RUNTIME_ERRORS as error:
        return Obstacle(f"can't start {found.name} ({first_line(error)})")
    if works:
        return found
    accelerator = found.accelerator
    if found.is_cpu or accelerator is None or found.hardware:
        return Obstacle(f"{'onnxruntime' if found.is_cpu else found.provider} doesn't load")
    return Obstacle(
        f"onnxruntime's {accelerator.title} support doesn't load: it needs {accelerator.needs}",
        accelerator.remedy,
    )


def list_devices() -> dict[str, tuple[Obstacle | None, str]]:
    """Try every device: by its name, what is in its way, and what its maker calls it.

    Of the several kinds of hardware that a provider may drive, those are named that are there.
    """
    kinds = [f"{each.name}:{kind}" for each in ACCELERATORS.values() for kind in each.kinds[1:]]
    found = {name: find_device(name) for name in (*DEVICES, *kinds)}
    return {
        name: (None, each.title) if isinstance(each, Device) else (each, "")
        for name, each in found.items()
        if name in DEVICES or isinstance(each, Device)
    }


def _named(device: str) -> Device:
    name = "cuda" if device == "auto" else str(device)
    first, _, part = name.partition(":")
    kinds = ACCELERATORS[first].kinds if first in ACCELERATORS else ()
    if name not in DEVICES and not re.fullmatch(r"cuda:\d+", name) and part not in kinds:
        several = ", ".join(
            f"{each.name}:{kind}" for each in ACCELERATORS.values() for kind in each.kinds[1:]
        )
        known = ", ".join(("auto", *DEVICES, several))
        raise UsageError(f"device {device!r} is unknown; use {known}, or cuda:N.")
    if kinds and part == kinds[0]:
        return Device(first)
    return Device("cuda:0" if name == "cuda" else name)


def _given(hardware: object) -> Device:
    """Take hardware of one provider, of whatever plug-in; of those that have a name, it gets it."""
    given = tuple(hardware) if isinstance(hardware, Iterable) else ()
    known = all(isinstance(each, onnxruntime.OrtEpDevice) for each in given)
    if not known or len({each.ep_name for each in given}) != 1:
        raise UsageError(
            f"device {hardware!r} is neither a name nor hardware of one provider: give some of "
            "what onnxruntime.get_ep_devices() lists, all of one ep_name."
        )
    provider, kind = str(given[0].ep_name), _kind_of(given[0])
    for each in ACCELERATORS.values():
        if each.provider == provider:
            # By its name, it is told how to compute; it must not be asked for the hardware again.
            part = f":{kind}" if kind in each.kinds[1:] else ""
            return Device(each.name + part, hardware=given)
    return Device(provider, hardware=given)


def _find(device: Device) -> Device | Obstacle:
    """Find the hardware of a plug-in, or the runtime's own provider."""
    accelerator = device.accelerator
    assert accelerator is not None
    # Without a GPU there is nothing that would be worth an installation.
    if accelerator.nvidia and (why := why_no_gpu(device.number)):
        return Obstacle(why, absent=True)
    plugged = _plugged(device, accelerator) if is_plugged(accelerator.plugin) else None
    if isinstance(plugged, Device):
        return plugged
    # A runtime that has the provider built in may take hardware that the plug-in doesn't; but it
    # lists a plug-in's provider as well, once that has found some.
    available = accelerator.provider in onnxruntime.get_available_providers()
    if available and not (plugged and came_by_plugin(accelerator)):
        return device
    return plugged or _without_provider(accelerator)


def _plugged(device: Device, accelerator: Accelerator) -> Device | Obstacle:
    plugin = accelerator.plugin
    assert plugin is not None
    try:
        hardware = plugged_devices(accelerator)
    except DeviceError as error:
        return Obstacle(str(error), f"pip install -U 'vitonnx[{plugin.extra}]'")
    wanted = [each for each in hardware if device.kind in ("", _kind_of(each))]
    if not wanted:
        what = f"{device.kind.upper()} " if device.kind else ""
        return Obstacle(f"{plugin.package} finds no {what}hardware here: it drives {plugin.drives}")
    return Device(device.name, hardware=tuple(wanted[:1]))


def _kind_of(hardware: Any) -> str:
    """Tell what kind of hardware it is: "cpu", "gpu" or "npu"."""
    return str(hardware.device.type.name).lower()


def _without_provider(accelerator: Accelerator) -> Obstacle:
    """Describe what would bring a provider that the installed runtime lacks."""
    plugin = accelerator.plugin
    if plugin is not None and plugin.installable:
        return Obstacle(
            f"the plug-in for {accelerator.title} is not installed",
            f"pip install 'vitonnx[{plugin.extra}]'",
        )
    if accelerator.requirement is None or not accelerator.installable:
        return Obstacle(f"onnxruntime has no {accelerator.title} support for this system")
    installed = installed_runtimes()
    return Obstacle(
        f"there is no {accelerator.title} support in "
        f"{' or '.join(installed) or 'the installed onnxruntime'}; the package that has it must "
        "replace that one, since they share a folder",
        install_line(accelerator.requirement, instead_of=installed),
    )
