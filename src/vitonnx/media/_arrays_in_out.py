"""Arrays in, of any library that speaks DLPack, and out, into an ``.npz`` without pickle."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitonnx.blame import reason_of, why_unopened
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.filenames import shown
from vitonnx.media._atomic import atomic_path
from vitonnx.regular import refuse_special

__all__ = ["Tensor", "load_arrays", "on_host", "save_arrays", "stack_models"]

CPU = 1  # DLPack's number for it
# What NumPy and the library of zip files raise for what is damaged, encrypted or no array.
READ_ERRORS = (
    *(ValueError, TypeError, KeyError, EOFError, SyntaxError, MemoryError, zlib.error),
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, OverflowError, UnicodeError),
)
LARGEST = 2**28  # bytes of an array that is read: files come from anywhere


@runtime_checkable
class Tensor(Protocol):
    """An array of PyTorch, CuPy, JAX or any other library that has DLPack.

    References
    ----------
    Array API standard, "Data interchange mechanisms".
    """

    def __dlpack__(self, *, stream: Any = None) -> Any:
        """Export the array to another library."""

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return the type of the array's device, and its number."""


def on_host(tensor: Tensor) -> NDArray[Any]:
    """See a tensor as a NumPy array, without a copy.

    Raises
    ------
    PictureError
        If it isn't in CPU memory, or NumPy lacks its type.

    Examples
    --------
    >>> on_host(np.arange(3, dtype=np.uint8)).shape
    (3,)
    """
    if int(tensor.__dlpack_device__()[0]) != CPU:
        raise PictureError(
            f"a {type(tensor).__name__} is on a GPU, but pictures are scaled on the CPU: move it "
            "there, or give a batch of the model's size to `Engine.probe_pixels`."
        )
    try:
        return np.from_dlpack(tensor)
    except (BufferError, RuntimeError, TypeError) as error:
        raise PictureError(
            f"can't read a {type(tensor).__name__} ({error}): give it as uint8."
        ) from error


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


def load_arrays(path: str | Path, names: Collection[str]) -> dict[str, NDArray[np.generic]]:
    """Read some arrays of an ``.npz``, without pickle; those that aren't there are left out.

    Raises
    ------
    VitonnxError
        If the file can't be read, is none, or an array is larger than 256 MB.
    """
    file = Path(path)
    refuse_special(file, VitonnxError)
    try:
        with zipfile.ZipFile(file) as archive:
            sizes = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        there = [name for name in names if name in sizes]
        if any(sizes[name].file_size > LARGEST for name in there):
            raise ValueError(f"an array in it has more than {LARGEST:,} bytes")
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in there}
    except OSError as error:
        raise VitonnxError(f"can't read {shown(str(file))}: {why_unopened(error)}.") from error
    except READ_ERRORS as error:
        raise VitonnxError(
            f"{shown(str(file))} holds no arrays that can be read ({reason_of(error)}): give an "
            ".npz that vitonnx wrote."
        ) from error


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
