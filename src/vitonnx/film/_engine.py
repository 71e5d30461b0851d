"""An engine that sees the whole of a film's frames, in their shape."""

from __future__ import annotations

from pathlib import Path

from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.modelfile import load_manifest

__all__ = ["open_engine"]


def open_engine(
    file: str | Path,
    frame: tuple[int, int],
    *,
    short_side: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    precision: str = "auto",
) -> Engine:
    """Open a model at the size that fits a film: nothing is cut off, next to nothing is squashed.

    Parameters
    ----------
    file : path
        The probe-ready file.
    frame : (height, width)
        Of the film, in pixels.
    short_side : int, optional
        Of the model's input, in pixels, a multiple of the patch size; the shorter side of the
        file's own input by default. The longer side is the nearest multiple of the patch size.
    device, threads, precision
        See `Engine`.

    Raises
    ------
    ModelFileError, DeviceError, UsageError
        As `Engine`.
    """
    manifest = load_manifest(Path(file))
    short = min(manifest.size) if short_side is None else short_side
    if short < 1:
        raise UsageError(f"the short side is {short}; it must be at least one patch.")
    size = fitting_size(frame, short=short, patch=manifest.patch_size)
    manifest.at(size)  # refuses a short side that is no multiple, and names the nearest
    return Engine(file, device=device, threads=threads, precision=precision, size=size, whole=True)


def fitting_size(frame: tuple[int, int], *, short: int, patch: int) -> tuple[int, int]:
    """Choose an input's height and width for a frame's.

    Examples
    --------
    >>> fitting_size((1080, 1920), short=224, patch=16)  # 398 would keep the shape to the pixel
    (224, 400)
    >>> fitting_size((1920, 1080), short=224, patch=16)
    (400, 224)
    """
    height, width = frame
    long = max(short, round(short * max(frame) / min(frame) / patch) * patch)
    return (short, long) if height <= width else (long, short)
