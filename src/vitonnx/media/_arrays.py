"""Named arrays in one ``.npz`` that needs no pickle to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.filenames import shown
from vitonnx.media._atomic import atomic_path

__all__ = ["save_arrays", "stack_models"]

Arrays = Mapping[str, NDArray[np.generic]]


def save_arrays(path: str | Path, arrays: Arrays) -> None:
    """Write arrays to an ``.npz``, whole or not at all.

    Parameters
    ----------
    path : path
        The file to write.
    arrays : mapping of str to array
        Strings as unicode arrays.

    Raises
    ------
    VitonnxError
        If it can't be written.
    """
    with atomic_path(path) as passing:
        np.savez_compressed(passing, allow_pickle=False, **arrays)


def stack_models(models: Mapping[str, Arrays]) -> dict[str, NDArray[np.generic]]:
    """Stack the arrays of several models along a new first axis.

    Parameters
    ----------
    models : mapping of str to mapping of str to array
        Arrays by the models' names; all models have the same array names and shapes.

    Returns
    -------
    dict of str to array
        And ``models``, the names.

    Raises
    ------
    UsageError
        If shapes differ.

    Examples
    --------
    >>> stacked = stack_models({"a": {"map": np.zeros((3, 5))}, "b": {"map": np.ones((3, 5))}})
    >>> stacked["map"].shape, stacked["models"].tolist()
    ((2, 3, 5), ['a', 'b'])
    """
    first, *others = models
    stacked: dict[str, NDArray[np.generic]] = {
        "models": np.array([shown(name) for name in models], np.str_)
    }
    for name, array in models[first].items():
        for other in others:
            if models[other][name].shape != array.shape:
                raise UsageError(
                    f"{name} has the shape {_by(array)} in {first} and {_by(models[other][name])} "
                    f"in {other}, so they can't be stacked in one .npz: save each model on its "
                    "own."
                )
        stacked[name] = np.stack([arrays[name] for arrays in models.values()])
    return stacked


def _by(array: NDArray[np.generic]) -> str:
    return "x".join(map(str, array.shape))
