"""A probe-ready file in fewer bits: the same promises, less exactly kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine._pass import Picture
from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine._precision import check_precision, reduce_precision
from vitonnx.engine._preprocess import read
from vitonnx.engine._save import save_whole
from vitonnx.engine._session import load_promises
from vitonnx.errors import UsageError
from vitonnx.manifest import Preprocessing
from vitonnx.media import atomic_with_companions
from vitonnx.modelfile import open_graph

if TYPE_CHECKING:
    import onnx_ir as ir

    from vitonnx.engine._fidelity import Fidelity

__all__ = ["reduce_file", "state_cost"]


def reduce_file(
    file: str | Path,
    path: str | Path,
    precision: str,
    *,
    size: tuple[int, int] | None = None,
    calibration: Sequence[Picture] | None = None,
    max_pixels: int | None = None,
) -> None:
    """Write a probe-ready file again, its products in fewer bits, with all its outputs.

    Parameters
    ----------
    file : path
        Probe-ready, in single precision.
    path : path
        The file to write.
    precision : "fp16", "bf16" or "int8"
        See `vitonnx.Engine`.
    size : (height, width), optional
        Input size in pixels, if it differs from the file's.
    calibration : sequence of pictures, optional
        For "int8", typical pictures. The range of every product's input is measured in them and
        fixed. Without them, inputs are scaled dynamically.
    max_pixels : int, optional
        Largest of these pictures, in pixels: see `vitonnx.media.open_picture`.

    Raises
    ------
    ModelFileError
        If the file isn't probe-ready.
    PictureError
        If a picture can't be read.
    UsageError
        If the file isn't in single precision, the precision isn't a lower one, or there is nothing
        to calibrate, or nothing to calibrate on.
    """
    from vitonnx.graph import read_manifest, write_manifest

    source, wanted = Path(file), check_precision(precision)
    manifest, has = load_promises(source)
    if manifest.precision != "fp32" or wanted == "fp32":
        raise UsageError(
            f"can't reduce {source} to {wanted}: it is in {manifest.precision}, and only a file "
            "in fp32 can be reduced."
        )
    if calibration is not None and wanted != "int8":
        raise UsageError(f"{wanted} has nothing to calibrate: omit the pictures, or use int8.")
    if calibration is not None and not calibration:
        raise UsageError("can't calibrate int8 without pictures: give some, or omit calibration.")
    # Nothing of the runtime's own: the file is for any of them.
    model = plan_graph(open_graph(source), Plan(outputs=tuple(has.outputs), size=size, fused=False))
    states = replace(read_manifest(model), precision=wanted)
    pixels = None
    if calibration is not None:
        pixels = _pixels(calibration, states.preprocessing, max_pixels)
    model = reduce_precision(model, wanted, calibration=pixels)
    write_manifest(model, states)
    _write(model, path)


def state_cost(file: str | Path, path: str | Path, fidelity: Fidelity) -> None:
    """Write a file of `reduce_file` again, with what it costs (`compare_engines`) in its manifest.

    Parameters
    ----------
    file, path : path
        The file to read, and the one to write.
    fidelity : Fidelity
        Measured agreement.
    """
    from vitonnx.graph import read_manifest, write_manifest

    model = open_graph(Path(file))
    write_manifest(model, replace(read_manifest(model), fidelity=fidelity.numbers()))
    _write(model, path)


def _write(model: ir.Model, path: str | Path) -> None:
    with atomic_with_companions(path) as passing:
        save_whole(model, passing)


def _pixels(
    pictures: Sequence[Picture], recipe: Preprocessing, max_pixels: int | None
) -> Iterator[NDArray[np.uint8]]:
    """Prepare pictures one by one: the runtime computes all outputs of each."""
    recipe = replace(recipe, multiple=None)  # the graph that is calibrated has one size
    for picture in pictures:
        yield read(picture, recipe, max_pixels=max_pixels).pixels[None]
