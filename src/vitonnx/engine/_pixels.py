"""Pictures that are ready for the network, as an array of any library, where they lie."""

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
        """Of all sides."""

    @property
    def dtype(self) -> Any:
        """Of the numbers."""

    def __len__(self) -> int:
        """Give the first side."""

    def __getitem__(self, part: slice, /) -> Any:
        """Give some of them."""


def ready_pixels(pixels: Pixels, *, size: tuple[int, int], device: Device) -> Pixels:
    """Check pictures that need no more preparation, and bring them where the runtime takes them.

    Parameters
    ----------
    pixels : uint8 (batch, height, width, 3)
        RGB.
    size : (height, width)
        Of the model's input, in pixels.
    device : Device
        That runs the model.

    Returns
    -------
    Pixels
        NumPy's where the pictures lie in the processor's memory; or else as they are, on the
        device. Neither is a copy.

    Raises
    ------
    UsageError
        If they are others, or lie where the model doesn't run.
    """
    if not isinstance(pixels, Pixels):
        raise UsageError(f"a {type(pixels).__name__} is no batch: give an array of any library.")
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
        f"the batch lies on another device than the model, which runs on {device.name}: open the "
        "engine there, or bring the batch to the processor."
    )


def as_it_lies(pixels: Pixels) -> Pixels:
    """Raise a UsageError unless the runtime can take a tensor where it lies."""
    if not hasattr(onnxruntime.OrtValue, "from_dlpack"):
        raise UsageError(
            f"onnxruntime {onnxruntime.__version__} takes no tensors on a GPU: upgrade it, or "
            "bring the batch to the processor."
        )
    try:
        onnxruntime.OrtValue.from_dlpack(pixels)
    except RuntimeError as error:
        raise UsageError(
            "the batch is a view with gaps, or in another order than (batch, height, width, 3): "
            "make it contiguous."
        ) from error
    return pixels
