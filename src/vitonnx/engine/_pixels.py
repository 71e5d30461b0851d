"""Batches ready for the network, as arrays of any library, on any device."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import onnxruntime

from vitonnx.engine._device import Device
from vitonnx.errors import UsageError
from vitonnx.media import Tensor, on_host

__all__ = ["Pixels", "ready_pixels"]

CPU, CUDA = 1, 2  # DLPack's numbers for them


@runtime_checkable
class Pixels(Tensor, Protocol):
    """A tensor that can be cut along its first axis."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""

    @property
    def dtype(self) -> Any:
        """Type of the array."""

    def __len__(self) -> int:
        """Return the length of the first axis."""

    def __getitem__(self, part: slice, /) -> Any:
        """Return a slice along the first axis."""


def ready_pixels(pixels: Pixels, *, size: tuple[int, int], device: Device) -> Pixels:
    """Check pictures that need no more preparation, and bring them where the runtime takes them.

    Parameters
    ----------
    pixels : uint8 (batch, height, width, 3)
        RGB.
    size : (height, width)
        Input size of the model, in pixels.
    device : Device
        Device that runs the model.

    Returns
    -------
    Pixels
        NumPy's where the pictures lie in the processor's memory; or else as they are, on the
        device. Neither is a copy.

    Raises
    ------
    UsageError
        If shape or type is wrong, or the batch is on another device than the model.
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
        return as_it_lies(pixels)
    raise UsageError(
        f"the batch is on another device than the model, which runs on {device.name}: open the "
        "engine on that device, or move the batch to the CPU."
    )


def as_it_lies(pixels: Pixels) -> Pixels:
    """Raise a UsageError unless the runtime can take a tensor where it lies."""
    if not hasattr(onnxruntime.OrtValue, "from_dlpack"):
        raise UsageError(
            f"onnxruntime {onnxruntime.__version__} takes no tensors on a GPU: upgrade it, or "
            "move the batch to the CPU."
        )
    try:
        onnxruntime.OrtValue.from_dlpack(pixels)
    except RuntimeError as error:
        raise UsageError(
            "the batch is a view with gaps, or its axes are in another order than (batch, "
            "height, width, 3): make it contiguous."
        ) from error
    return pixels
