"""Batches ready for the network: arrays of any library, and their way over an accelerator."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from vitonnx.engine.devices import Device
from vitonnx.errors import UsageError
from vitonnx.media import Tensor, on_host

__all__ = ["IN_FLIGHT", "Bindings", "OnDevice", "Pixels", "Ready", "ready_pixels"]

CPU, CUDA = 1, 2  # DLPack's numbers for them


@runtime_checkable
class Pixels(Tensor, Protocol):
    """A tensor that says what it holds."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""

    @property
    def dtype(self) -> Any:
        """Type of the array."""


@dataclass(frozen=True)
class OnDevice:
    """Pictures in an accelerator's memory, or a part of them: a place, which nothing is copied to.

    The library that they are of might copy the part, and do so later than it says (JAX does).
    """

    owner: Any  # the runtime's hold on all of them
    shape: tuple[int, ...]  # (batch, height, width, 3)
    first: int = 0

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> OnDevice:
        start, stop, _ = part.indices(len(self))
        return replace(self, shape=(stop - start, *self.shape[1:]), first=self.first + start)

    @property
    def pointer(self) -> int:
        """Address of the first picture."""
        found: int = self.owner.data_ptr() + self.first * math.prod(self.shape[1:])
        return found


Ready: TypeAlias = NDArray[np.uint8] | OnDevice
"""Pictures, uint8 (batch, height, width, 3), where the runtime takes them."""


def ready_pixels(pixels: Pixels, *, size: tuple[int, int], device: Device) -> Ready:
    """Check pictures that need no more preparation, and bring them where the runtime takes them.

    They are uint8 (batch, height, width, 3) of the input's size. The result is NumPy's where they
    lie in the processor's memory, else their place on the device; neither is a copy.
    """
    if not isinstance(pixels, Pixels):
        raise UsageError(f"a {type(pixels).__name__} is not a batch: give an array of any library.")
    # "uint8" is what NumPy calls it, and TensorFlow; in PyTorch's words it is "torch.uint8".
    shape, kind = tuple(pixels.shape), str(getattr(pixels.dtype, "name", pixels.dtype))
    kind = kind.rpartition(".")[2]
    if kind != "uint8" or len(shape) != 4 or shape[1:] != (*size, 3) or not shape[0]:
        raise UsageError(
            f"the batch is {kind} of shape {shape}; expected uint8 (batch, {size[0]}, {size[1]}, "
            "3), at least one picture, red, green and blue from 0 to 255."
        )
    place, number = (int(part) for part in pixels.__dlpack_device__())
    if place == CPU:
        return on_host(pixels)
    if place == CUDA and (device.memory, device.number) == ("cuda", number):
        return as_they_lie(pixels)
    raise UsageError(
        f"the batch is on another device than the model, which runs on {device.name}: open the "
        "engine on that device, or move the batch to the CPU."
    )


def as_they_lie(pixels: Pixels) -> OnDevice:
    """Raise a UsageError unless the runtime can take pictures where they lie."""
    if not hasattr(onnxruntime.OrtValue, "from_dlpack"):
        raise UsageError(
            f"onnxruntime {onnxruntime.__version__} takes no tensors on a GPU: upgrade it, or "
            "move the batch to the CPU."
        )
    try:
        return OnDevice(onnxruntime.OrtValue.from_dlpack(pixels), tuple(pixels.shape))
    except RuntimeError as error:
        raise UsageError(
            "the batch is a view with gaps, or its axes are in another order than (batch, "
            "height, width, 3): make it contiguous."
        ) from error


IN_FLIGHT = 2
"""Batches that are in flight at once: one is copied while the other is computed."""


class Bindings:
    """Runs batches of one session, in any threads, each on a binding of its own."""

    def __init__(self, session: Any, device: Device) -> None:
        self.session, self.device = session, device
        self._free: deque[_Binding] = deque()

    def run(
        self, outputs: tuple[str, ...], feed: Mapping[str, NDArray[Any] | OnDevice]
    ) -> list[NDArray[Any]]:
        """Run a batch; what is on the device is used where it lies."""
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

    def run(
        self, outputs: tuple[str, ...], feed: Mapping[str, NDArray[Any] | OnDevice]
    ) -> list[NDArray[Any]]:
        for name, values in feed.items():
            if isinstance(values, OnDevice):
                shape, pointer = list(values.shape), values.pointer
                self.binding.bind_input(name, *self.place, np.uint8, shape, pointer)
            else:
                self.binding.bind_ortvalue_input(name, self._copied(name, values))
        for name in outputs:  # anew: what is bound already has the last batch's size
            self.binding.bind_output(name, *self.place)
        self.session.run_with_iobinding(self.binding)
        found: list[NDArray[Any]] = self.binding.copy_outputs_to_cpu()
        self.binding.clear_binding_inputs()  # a tensor is its owner's again
        return found

    def _copied(self, name: str, values: NDArray[Any]) -> Any:
        buffer = self.buffers.get(name)
        if buffer is None or tuple(buffer.shape()) != values.shape:
            buffer = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                values.shape, values.dtype.type, *self.place
            )
            self.buffers[name] = buffer
        buffer.update_inplace(values)
        return buffer
