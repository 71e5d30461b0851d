"""Providers that are packages of their own: found, and registered with the runtime once."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import onnxruntime

from vitonnx.engine.devices._accelerators import Accelerator, Plugin
from vitonnx.engine.devices._trial import RUNTIME_ERRORS, first_line, quiet_runtime
from vitonnx.errors import DeviceError

__all__ = ["came_by_plugin", "is_plugged", "plugged_devices"]


def is_plugged(plugin: Plugin | None) -> bool:
    """Tell whether a plug-in is installed, without importing it."""
    return plugin is not None and find_spec(plugin.module) is not None


def plugged_devices(accelerator: Accelerator) -> list[Any]:
    """List the hardware that a plug-in drives here, as the runtime's own device objects.

    The first call registers its library with the runtime. What the runtime knows is asked instead
    of remembered: the application may have registered it, and a process that was forked has what
    its parent had.

    Raises
    ------
    DeviceError
        If the plug-in is broken, or doesn't go with this onnxruntime.
    """
    known = _known(accelerator)
    if known or accelerator.plugin is None:
        return known
    try:
        module = import_module(accelerator.plugin.module)
        library = os.fspath(getattr(module, accelerator.plugin.library)())
        with quiet_runtime():
            onnxruntime.register_execution_provider_library(accelerator.plugin.module, library)
    # Whatever somebody else's module raises, the library is not to be had.
    except (Exception, SystemExit) as error:
        if isinstance(error, RUNTIME_ERRORS) and "already registered" in str(error):
            return _known(accelerator)  # by another thread, or there is no hardware for it
        why = first_line(error) or type(error).__name__
        raise DeviceError(
            f"{accelerator.plugin.package} can't be registered with onnxruntime "
            f"{onnxruntime.__version__} ({why})"
        ) from error
    return _known(accelerator)


def came_by_plugin(accelerator: Accelerator) -> bool:
    """Tell whether the runtime has a provider, and hardware for it, from a library of its own."""
    return any("library_path" in each.ep_metadata for each in _known(accelerator))


def _known(accelerator: Accelerator) -> list[Any]:
    return [each for each in onnxruntime.get_ep_devices() if each.ep_name == accelerator.provider]
