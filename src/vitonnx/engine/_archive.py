"""Raw results of many pictures in one ``.npz`` that needs no pickle to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine._result import Result
from vitonnx.errors import UsageError
from vitonnx.media import atomic_path

__all__ = ["save_results", "stack_results"]


def stack_results(results: Sequence[Result], probe: str) -> dict[str, NDArray[np.generic]]:
    """Stack what one probe found in many pictures.

    Parameters
    ----------
    results : sequence of Result
        Of one stream; those with an error are listed, not stacked.
    probe : str
        The probe's name.

    Returns
    -------
    dict of str to array
        Every array of the probe's result with the pictures on its first axis, by its own name;
        ``crop`` float64 (pictures, 4): left, top, right, bottom in the picture's pixels;
        ``files`` and ``skipped``, unicode.

    Raises
    ------
    UsageError
        If no picture has a result.
    """
    good = [result for result in results if result.error is None]
    if not good:
        raise UsageError("There is no result to save: every picture was skipped.")
    names = [
        field.name
        for field in fields(good[0][probe])
        if isinstance(getattr(good[0][probe], field.name), np.ndarray)
    ]
    skipped = [result.file for result in results if result.error is not None]
    return {
        **{name: np.stack([getattr(result[probe], name) for result in good]) for name in names},
        "crop": np.array([result.crop for result in good], np.float64),
        "files": np.array([result.file for result in good], np.str_),
        "skipped": np.array(skipped, np.str_),
    }


def save_results(path: str | Path, results: Sequence[Result], probe: str) -> None:
    """Write `stack_results` to an ``.npz``, whole or not at all.

    Parameters
    ----------
    path : path
        The file to write.
    results, probe
        See `stack_results`.

    Raises
    ------
    VitonnxError
        If there is nothing to write, or it can't be written.
    """
    arrays = stack_results(results, probe)
    with atomic_path(path) as passing:
        np.savez_compressed(passing, allow_pickle=False, **arrays)
