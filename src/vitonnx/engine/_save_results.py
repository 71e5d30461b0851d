"""Raw results of many pictures in one ``.npz`` that needs no pickle to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine._result_stream import Result
from vitonnx.errors import UsageError
from vitonnx.filenames import shown
from vitonnx.media import save_arrays, stack_models

__all__ = ["save_comparison", "save_results", "stack_results"]


def stack_results(results: Sequence[Result], probe: str) -> dict[str, NDArray[np.generic]]:
    """Stack what one probe found in many pictures.

    Parameters
    ----------
    results : sequence of Result
        Results of one stream; those with an error are listed, not stacked.
    probe : str
        The probe's name.

    Returns
    -------
    dict of str to array
        Every array of the probe's result with the pictures on its first axis, by its own name;
        ``crop`` float64 (pictures, 4): left, top, right, bottom in the picture's pixels, beyond
        its edges where the input is padded; ``files`` and ``skipped``, unicode, escaped where a
        name is none.

    Raises
    ------
    UsageError
        If no picture has a result.
    """
    good = [result for result in results if result.error is None]
    if not good:
        raise UsageError("There is no result to save: every picture was skipped.")
    found = [result[probe].arrays() for result in good]
    shapes = {tuple((name, each.shape) for name, each in arrays.items()) for arrays in found}
    if shapes == {()}:
        raise UsageError(f"{probe} found no arrays to save: draw its figure instead.")
    if len(shapes) > 1:
        raise UsageError(
            "can't stack maps of several sizes, since each of these pictures has its own input "
            "size: write one file per picture, or give --size HxW for all."
        )
    skipped = [shown(result.file) for result in results if result.error is not None]
    return {
        **{name: np.stack([arrays[name] for arrays in found]) for name in found[0]},
        "crop": np.array([result.crop for result in good], np.float64),
        "files": np.array([shown(result.file) for result in good], np.str_),
        "skipped": np.array(skipped, np.str_),
    }


def save_results(
    path: str | Path,
    results: Sequence[Result],
    probe: str,
    learned: Mapping[str, NDArray[np.generic]] | None = None,
) -> None:
    """Write `stack_results` to an ``.npz``, whole or not at all.

    Parameters
    ----------
    path : path
        The file to write.
    results, probe
        See `stack_results`.
    learned : mapping of str to array, optional
        More arrays, such as what the probe was fitted by.

    Raises
    ------
    VitonnxError
        If there is nothing to write, or it can't be written.
    """
    save_arrays(path, {**stack_results(results, probe), **(learned or {})})


def save_comparison(path: str | Path, models: Mapping[str, Sequence[Result]], probe: str) -> None:
    """Write what several models found in the same pictures to an ``.npz``.

    Parameters
    ----------
    path : path
        The file to write. Its arrays are those of `stack_results` with the models on a first axis
        before the pictures; ``models`` holds their names, and ``files`` and ``skipped`` are the
        same for all.
    models : mapping of str to sequence of Result
        Results by the models' names, for the same pictures, with errors in the same places.
    probe : str
        The probe's name.

    Raises
    ------
    UsageError
        If the models' arrays have different shapes.
    VitonnxError
        If there is nothing to write, or it can't be written.
    """
    by_model = {name: stack_results(results, probe) for name, results in models.items()}
    common = {}
    for arrays in by_model.values():
        common = {name: arrays.pop(name) for name in ("files", "skipped")}
    save_arrays(path, stack_models(by_model) | common)
