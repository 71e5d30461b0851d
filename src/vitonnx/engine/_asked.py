"""What callers give an engine, taken as they mean it, or refused in a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from vitonnx.contract import is_derived
from vitonnx.engine._pass import Picture
from vitonnx.errors import PictureError, UsageError
from vitonnx.media import Encoded, Tensor
from vitonnx.probes import Probe, WeightProbe, no_probe

__all__ = ["MOST_THREADS", "as_count", "as_outputs", "as_pictures", "as_probes", "as_sides"]

Given = TypeVar("Given")

MOST_THREADS = 4096  # more than any machine has cores; the runtime makes as many as it is told
GIVE_PICTURES = (
    "give a path, a Pillow image or a uint8 array (height, width, 3), or a list of such pictures."
)


def as_count(name: str, count: int | None, most: int | None = None) -> int | None:
    """Give a whole number of at least 1, or None; raise a UsageError for what is neither."""
    if count is None:
        return None
    if not isinstance(count, Integral) or not 1 <= count <= (most or count):
        bounds = f"from 1 to {most}" if most else "a whole number of at least 1"
        raise UsageError(f"{name} is {count!r}; it must be {bounds}.")
    return int(count)


def as_sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """Give height and width; one number is a square."""
    sides = (size, size) if isinstance(size, Integral) else size
    if not (
        isinstance(sides, Sequence)
        and len(sides) == 2
        and all(isinstance(side, Integral) for side in sides)
    ):
        raise UsageError(f"size is {size!r}; it must be pixels, a number or (height, width).")
    return int(sides[0]), int(sides[1])


def as_pictures(images: Picture | Iterable[Given]) -> Iterable[Picture | Given]:
    """Give pictures as a collection; one is a collection of itself.

    Raises
    ------
    UsageError
        If there are none.
    PictureError
        If they are no pictures.
    """
    if isinstance(images, str | os.PathLike | Encoded | Image.Image | np.ndarray | Tensor):
        shape = tuple(getattr(images, "shape", ()))
        if len(shape) == 4:
            raise PictureError(
                f"an array of shape {shape} is several pictures: give list(array), or use "
                "`probe_pixels` or `run_pixels` if they have the model's input size already."
            )
        return [images]
    if not isinstance(images, Iterable) or isinstance(images, bytes | bytearray | Mapping):
        raise PictureError(f"a {type(images).__name__} is not a picture: {GIVE_PICTURES}")
    if isinstance(images, Sequence) and not images:
        raise UsageError("no picture given: give at least one.")
    return images


def as_probes(probes: Probe[Any] | Iterable[Probe[Any]]) -> tuple[Probe[Any], ...]:
    """Give picture probes, each asked once, as a tuple; one is a tuple of itself."""
    asked: tuple[Probe[Any], ...] = tuple(_listed(probes))
    for probe in asked:
        if isinstance(probe, WeightProbe):
            raise UsageError(f"{probe.name} asks for no picture: use vitonnx.probe_weights.")
        if not isinstance(probe, Probe):
            raise no_probe(probe, "vitonnx.Heads()")
    names = [probe.name for probe in asked]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"Each kind of probe can be asked once a pass, and {name} is there "
                f"{names.count(name)} times: ask for the others in a pass of their own."
            )
    return asked


def _listed(probes: Any) -> Iterable[Any]:
    is_one = isinstance(probes, str) or not isinstance(probes, Iterable)
    return [probes] if is_one else probes


def as_outputs(outputs: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Give names of outputs, at least one, that a file has or that plans find."""
    names = (outputs,) if isinstance(outputs, str) else tuple(outputs)
    for name in names:
        if name not in known and not is_derived(name):
            raise UsageError(f"The model has no output {name!r}; it has {', '.join(known)}.")
    if not names:
        raise UsageError(f"no output given: name one of {', '.join(known)}.")
    return names
