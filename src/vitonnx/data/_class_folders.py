"""The pictures of each class, where every class has a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import DataError, UsageError
from vitonnx.media import Notice, find_pictures, natural_key

__all__ = ["list_classes", "subfolders"]


def list_classes(
    folder: Path, among: tuple[str, ...] | None = None, *, notice: Notice | None = None
) -> tuple[tuple[str, ...], list[Path], NDArray[np.int64]]:
    """List the pictures in a folder of class folders.

    Files beside the class folders are ignored.

    Parameters
    ----------
    folder : Path
        Folder whose subfolders are the classes; hidden ones are ignored.
    among : tuple of str, optional
        The classes that there can be; without it, the folder says which there are.
    notice : callable, optional
        See `vitonnx.media.find_pictures`.

    Returns
    -------
    tuple of str
        The classes, in natural order: ``class2`` before ``class10``.
    list of Path
        All pictures, class by class.
    int64 (pictures,)
        Label of each picture.

    Raises
    ------
    DataError
        If there are less than two classes, one that holds no pictures, or one of another name.
    """
    names = subfolders(folder)
    if not names:
        raise DataError(
            f"{folder} has no subfolders, but training needs one per class to know what a picture "
            f"shows: put the pictures into subfolders such as {folder / 'cat'} and "
            f"{folder / 'dog'}."
        )
    if among is None:
        if len(names) == 1:
            raise DataError(
                f"{folder} has only one subfolder, {names[0]}, but training needs at least two "
                "classes: add a subfolder for another class."
            )
        among = tuple(names)
    files: list[Path] = []
    labels: list[int] = []
    for name in names:
        if name not in among:
            raise DataError(
                f"{folder} has a class {name} that the training pictures lack: rename the "
                "subfolder to match theirs, or remove it."
            )
        try:
            found = find_pictures([folder / name], notice=notice)
        except UsageError as error:
            raise DataError(
                f"{error} Each subfolder of {folder} is a class: put pictures into it, or remove "
                "it."
            ) from error
        files += found
        labels += [among.index(name)] * len(found)
    return among, files, np.array(labels, np.int64)


def subfolders(folder: Path) -> list[str]:
    """List the names of the folders in a folder, in natural order; hidden ones are passed over.

    Raises
    ------
    DataError
        If it can't be read.
    """
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    except OSError as error:
        raise DataError(f"can't read {folder}: {error.strerror}. Check its permissions.") from error
    return sorted((name for name in names if not name.startswith(".")), key=natural_key)
