"""A batch's way over an accelerator: bound where it is computed, in memory that is used again."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vitonnx.engine._device import Device
from vitonnx.engine._pixels import Pixels

__all__ = ["IN_FLIGHT", "Bindings"]

IN_FLIGHT = 2
"""Batches that are in flight at once: one is copied while the other is computed."""


class Bindings:
    """Runs batches of one session, each on a binding of its own.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Session that may run in several threads at once.
    device : Device
        Device that holds inputs and outputs.
    """

    def __init__(self, session: Any, device: Device) -> None:
        self.session, self.device = session, device
        self._free: deque[_Binding] = deque()

    def run(self, outputs: tuple[str, ...], feed: Mapping[str, Pixels]) -> list[NDArray[Any]]:
        """Run a batch; what is no NumPy array lies on the device, and is used where it lies."""
        try:
            binding = self._free.pop()
        except IndexError:  # there are as many as threads have ever needed at once
            binding = _Binding(self.session, self.device)
        try:
            return binding.run(outputs, feed)
        finally:
            self._free.append(binding)


class _Binding:
    """What one batch after the other is bound to."""

    def __init__(self, session: Any, device: Device) -> None:
        self.session, self.place = session, (device.memory, device.number)
        self.binding = session.io_binding()
        self.buffers: dict[str, Any] = {}

    def run(self, outputs: tuple[str, ...], feed: Mapping[str, Pixels]) -> list[NDArray[Any]]:
        for name, values in feed.items():
            self.binding.bind_ortvalue_input(name, self._on_device(name, values))
        for name in outputs:  # anew: what is bound already has the last batch's size
            self.binding.bind_output(name, *self.place)
        self.session.run_with_iobinding(self.binding)
        found: list[NDArray[Any]] = self.binding.copy_outputs_to_cpu()
        self.binding.clear_binding_inputs()  # a tensor is its owner's again
        return found

    def _on_device(self, name: str, values: Pixels) -> Any:
        if not isinstance(values, np.ndarray):
            return onnxruntime.OrtValue.from_dlpack(values)
        buffer = self.buffers.get(name)
        if buffer is None or tuple(buffer.shape()) != values.shape:
            buffer = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                values.shape, values.dtype.type, *self.place
            )
            self.buffers[name] = buffer
        buffer.update_inplace(values)
        return buffer
