"""A batch's way over an accelerator: bound where it is computed, in memory that is used again."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vitonnx.engine._batch import Batch
from vitonnx.engine._device import Device

__all__ = ["LANES", "Lanes"]

LANES = 2
"""Batches that are in flight at once: one is copied while the other is computed."""


class Lanes:
    """Runs batches of one session, each on a lane of its own.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
        Session that may run in several threads at once.
    device : Device
        Device that holds inputs and outputs.
    """

    def __init__(self, session: Any, device: Device) -> None:
        self.session, self.device = session, device
        self._free: deque[_Lane] = deque()

    def run(self, outputs: tuple[str, ...], feed: Mapping[str, Batch]) -> list[NDArray[Any]]:
        """Run a batch; an array other than NumPy's is on the device, and is used in place."""
        try:
            lane = self._free.pop()
        except IndexError:  # there are as many as threads have ever needed at once
            lane = _Lane(self.session, self.device)
        try:
            return lane.run(outputs, feed)
        finally:
            self._free.append(lane)


class _Lane:
    """Bindings that batches use one after the other."""

    def __init__(self, session: Any, device: Device) -> None:
        self.session, self.place = session, (device.memory, device.number)
        self.binding = session.io_binding()
        self.buffers: dict[str, Any] = {}

    def run(self, outputs: tuple[str, ...], feed: Mapping[str, Batch]) -> list[NDArray[Any]]:
        for name, values in feed.items():
            self.binding.bind_ortvalue_input(name, self._on_device(name, values))
        for name in outputs:  # anew: what is bound already has the last batch's size
            self.binding.bind_output(name, *self.place)
        self.session.run_with_iobinding(self.binding)
        found: list[NDArray[Any]] = self.binding.copy_outputs_to_cpu()
        self.binding.clear_binding_inputs()  # a tensor is its owner's again
        return found

    def _on_device(self, name: str, values: Batch) -> Any:
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
