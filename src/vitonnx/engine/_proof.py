"""Proof that a device computes as exactly as was asked: measured against the CPU, and kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING
from vitonnx.engine._cache import plan_digest, plans_folder
from vitonnx.engine._plan import Plan
from vitonnx.engine._session import Session
from vitonnx.engine.devices import Device
from vitonnx.errors import DeviceError, VitonnxError
from vitonnx.media import atomic_path

__all__ = ["EXACT", "ROUGH", "prove", "witnesses"]

EXACT: Final = 2e-4
"""Largest error in single precision, of the largest value. Another order of summation costs 1e-6 to
1e-5; products of fewer bits cost 1e-3 and more."""

ROUGH: Final = 3e-2
"""The same where factors have 8 to 11 bits."""

WHOLE: Final = 1e-1
"""The same in whole numbers of 8 bits: what lies between two of them may fall to either, and the
attention of trained models then differs by 3.5e-2."""

SEEMS_SINGLE: Final = 2e-5
"""Below this, a device that was told to compute in 16 bits has not done so."""

Arrays: TypeAlias = dict[str, NDArray[Any]]

SQUARE = 16  # pixels of one colour, in the picture that all devices are shown


def witnesses(outputs: Sequence[str]) -> tuple[str, ...]:
    """Choose the outputs of a file that are compared: smooth ones that hang on the whole network.

    What is cut off by a threshold may differ wherever a value lies at it, on any device.

    Examples
    --------
    >>> witnesses(("block_00/attention", "block_01/attention", "block_01/tokens", "embedding"))
    ('block_01/attention', 'embedding')
    """
    attention = [name for name in outputs if name.endswith("/attention")]
    embedding = [name for name in outputs if name == EMBEDDING]
    return tuple(attention[-1:] + embedding) or tuple(outputs[-1:])


def prove(
    file: Path,
    plan: Plan,
    device: Device,
    precision: str,
    given: str,
    size: tuple[int, int],
    start: Callable[[Plan, Device], Session],
) -> None:
    """See that a device computes a file as exactly as was asked.

    One picture is run there and on the CPU, once: what was measured is kept beside the plans, for
    this file and size, this hardware and driver, and this version of its provider.

    Parameters
    ----------
    file : Path
        The model.
    plan : Plan
        Of the outputs to compare.
    device : Device
        Device to prove.
    precision : str
        Precision that was asked for.
    given : str
        Precision of the file itself.
    size : (height, width)
        Input size in pixels.
    start : callable
        Opens the session of a plan on a device.

    Raises
    ------
    DeviceError
        If the error is not of the class that was asked for.
    """
    kept = plans_folder() / f"{_name(file, plan, device, precision)}.proof"
    error = _read(kept)
    if error is None:
        as_given = replace(plan, precision="fp32")
        shown = _picture(*size)
        found = _run_once(start(plan, device), shown, plan.outputs)
        true = _run_once(start(as_given, Device("cpu")), shown, plan.outputs)
        error = _largest_error(found, true)
        _write(kept, error)
    largest = {"fp32": EXACT, "int8": WHOLE}.get(precision, ROUGH)
    if not error <= largest:
        raise DeviceError(
            f"{device.name} computes {file} in {precision} with an error of {error:.1e} of the "
            f"largest value, and at most {largest:.0e} is accepted: use another precision, or "
            "--device cpu."
        )
    if given == "fp32" and precision in ("fp16", "bf16") and error < SEEMS_SINGLE:
        raise DeviceError(
            f"{device.name} computes in fp32 here, though {precision} was asked: "
            f"{device.title or 'this hardware'} has no arithmetic for it. Use fp32."
        )


def _run_once(session: Session, shown: NDArray[np.uint8], outputs: tuple[str, ...]) -> Arrays:
    """Run one picture, and close the session: two models at once need not fit into memory."""
    try:
        return session.run(shown, outputs)
    finally:
        session.close()


def _largest_error(found: Arrays, true: Arrays) -> float:
    """Give the largest error of an output, in that output's largest true value."""
    errors = []
    for name, values in true.items():
        with np.errstate(invalid="ignore"):  # of what is infinite twice
            off = float(np.abs(found[name].astype(np.float64) - values).max())
        largest = float(np.abs(values).max())
        error = off / largest if largest > 0 else off
        # What is no number is as wrong as can be.
        errors.append(error if math.isfinite(error) else math.inf)
    return max(errors)


def _picture(height: int, width: int) -> NDArray[np.uint8]:
    """Make a picture of coloured squares: uint8 (1, height, width, 3)."""
    rows, columns = -(-height // SQUARE), -(-width // SQUARE)
    colours = np.random.default_rng(0).integers(0, 256, (rows, columns, 3), np.uint8)
    squares = colours.repeat(SQUARE, axis=0).repeat(SQUARE, axis=1)
    return squares[None, :height, :width]


def _name(file: Path, plan: Plan, device: Device, precision: str) -> str:
    return plan_digest(file, plan, precision, device.name, device.title, device.maker)


def _read(kept: Path) -> float | None:
    try:
        error = float(json.loads(kept.read_text(encoding="utf-8"))["error"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return error if error >= 0 else None  # nor what is no number


def _write(kept: Path, error: float) -> None:
    """Keep what was measured; where the folder can't be written, it is measured every time."""
    with suppress(OSError, VitonnxError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(kept) as passing:
            passing.write_text(json.dumps({"error": error}), encoding="utf-8")
