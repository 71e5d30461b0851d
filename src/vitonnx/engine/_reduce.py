"""A probe-ready file in fewer bits: the same promises, less exactly kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine._asked import as_pictures
from vitonnx.engine._decoding import Decoding
from vitonnx.engine._pass import Picture
from vitonnx.engine._plan import Plan, plan_graph
from vitonnx.engine._precision import check_precision, reduce_precision
from vitonnx.engine._session import load_promises
from vitonnx.engine.devices import require_bf16
from vitonnx.errors import UsageError
from vitonnx.manifest import Fit, Preprocessing
from vitonnx.media import atomic_with_companions
from vitonnx.modelfile import open_graph, save_graph

if TYPE_CHECKING:
    import onnx_ir as ir

    from vitonnx.engine._fidelity import Fidelity

__all__ = ["check_reduction", "reduce_file", "state_fidelity"]


def check_reduction(precision: str, calibration: object = None) -> None:
    """See that a precision can be measured here, and that its calibration is one.

    Parameters
    ----------
    precision : str
        The one that is asked for.
    calibration : picture or sequence of pictures, optional
        What its scales are to be fixed by.

    Raises
    ------
    DeviceError
        If nothing here computes in it, so that nobody could say what it costs.
    UsageError
        If there is no such precision, or no scales to fix in it.
    """
    if check_precision(precision) == "bf16":
        require_bf16()
    if calibration is not None:
        _require_scales(precision)


def reduce_file(
    file: str | Path,
    path: str | Path,
    precision: str,
    *,
    size: tuple[int, int] | None = None,
    fit: Fit | None = None,
    calibration: Picture | Iterable[Picture] | None = None,
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
        Of the input, in pixels, if another than the file's.
    fit : "cut", "pad" or "squash", optional
        How pictures get the input's shape, if not as the file's recipe says.
    calibration : picture or sequence of pictures, optional
        In "int8": pictures of the kind that the file is for. The range of every product's input is
        measured in them, and fixed. Without them inputs are scaled as they come.
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
    if wanted == "fp32":
        raise UsageError("fp32 reduces nothing: ask for fewer bits, such as fp16.")
    if manifest.precision != "fp32":
        raise UsageError(
            f"can't reduce {source} to {wanted}: it is in {manifest.precision}, and only a file "
            "in fp32 can be reduced."
        )
    shown = None
    if calibration is not None:
        _require_scales(wanted)
        shown = as_pictures(calibration)
    # Nothing of the runtime's own: the file is for any of them.
    model = plan_graph(open_graph(source), Plan(outputs=tuple(has.outputs), size=size, fused=False))
    states = replace(read_manifest(model), precision=wanted)
    if fit is not None:
        states = replace(states, preprocessing=states.preprocessing.fitted(fit))
    pixels = None if shown is None else _pixels(shown, states.preprocessing, max_pixels)
    model = reduce_precision(model, wanted, calibration=pixels)
    write_manifest(model, states)
    _write(model, path)


def _require_scales(precision: str) -> None:
    if precision != "int8":
        raise UsageError(
            f"calibration fixes the scales of int8, but {precision} has none: omit the pictures, "
            "or use int8."
        )


def state_fidelity(file: str | Path, path: str | Path, fidelity: Fidelity) -> None:
    """Write a file of `reduce_file` again, with its fidelity (`compare_engines`) in its manifest.

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
        save_graph(model, passing)


def _pixels(
    pictures: Iterable[Picture], recipe: Preprocessing, max_pixels: int | None
) -> Iterator[NDArray[np.uint8]]:
    """Prepare pictures one by one: the runtime computes all outputs of each."""
    recipe = replace(recipe, multiple=None)  # the graph that is calibrated has one size
    for picture in pictures:
        yield Decoding(max_pixels).read(picture, recipe).pixels[None]
