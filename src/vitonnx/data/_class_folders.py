"""A dataset where every class has a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.data._split import LabelledPictures, StoredSplit, draw_evenly, draw_share
from vitonnx.data._squares import Progress, read_squares, to_square
from vitonnx.errors import DataError, UsageError
from vitonnx.media import Notice, decoded, find_pictures, natural_key

__all__ = ["open_folder", "subfolders"]

TRAINING = "train"

# In the order of preference: what is called a test set may be kept for later.
VALIDATION = ("val", "valid", "validation", "test")


def list_classes(
    folder: Path, among: tuple[str, ...] | None = None, *, notice: Notice | None = None
) -> tuple[tuple[str, ...], list[Path], NDArray[np.int64]]:
    """List the classes of a folder, its pictures class by class, and the pictures' labels.

    The classes are in natural order: ``class2`` before ``class10``. Files beside the class folders,
    and hidden folders, are ignored. Without ``among``, the folder says which classes there can be.
    A DataError names a class of another name or without pictures, or says that there are less than
    two.
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
    """List the folders in a folder, in natural order, without hidden ones."""
    try:
        names = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    except OSError as error:
        raise DataError(f"can't read {folder}: {error.strerror}. Check its permissions.") from error
    return sorted((name for name in names if not name.startswith(".")), key=natural_key)


def open_folder(
    folder: Path,
    size: int,
    seed: int,
    pictures: int | None,
    max_pixels: int | None,
    progress: Progress | None,
    notice: Notice | None,
) -> LabelledPictures:
    """Read a folder that holds a folder of pictures for each class, as `open_data` describes it.

    A DataError says that there are less than two classes, one without pictures, or none for
    validation.
    """
    training, validation = _layout(folder)
    classes, files, labels = list_classes(training, notice=notice)
    own = len(files)
    if validation is not None:
        _, more_files, more_labels = list_classes(validation, among=classes, notice=notice)
        files, labels = files + more_files, np.concatenate([labels, more_labels])

    def read(file: Path) -> Image.Image:
        """Make a picture small as long as its memory is counted."""
        with decoded(file, max_pixels=max_pixels, notice=notice) as opened:
            return to_square(opened.picture, size)

    squares, unreadable = read_squares(
        len(files), files, read, size, name=str(folder), progress=progress
    )
    rows = np.setdiff1d(np.arange(len(files)), list(unreadable))
    if len(rows) == 0:
        raise DataError(
            f"none of the {len(files)} pictures in {folder} can be read; the first: {unreadable[0]}"
        )
    generator = np.random.default_rng(seed)
    if validation is not None:
        train, held_out = rows[rows < own], rows[rows >= own]
    else:
        drawn = draw_share(labels[rows], generator)
        train, held_out = rows[~drawn], rows[drawn]
    shown = set(labels[train].tolist())
    if lost := [name for number, name in enumerate(classes) if number not in shown]:
        raise DataError(
            f"none of the pictures in {training / lost[0]} can be read, so this class has no "
            "example: replace them, or remove the folder."
        )
    if len(held_out) == 0:
        raise DataError(
            f"{validation or folder} leaves no picture for validation: "
            + ("none of them can be read." if validation else "give each class at least two.")
        )
    if pictures is not None:
        train = train[draw_evenly(labels[train], pictures, generator)]
    return LabelledPictures(
        name=folder.resolve().name,
        classes=classes,
        train=StoredSplit(squares, labels, train),
        validation=StoredSplit(squares, labels, held_out),
        skipped=tuple(unreadable.values()),
    )


def _layout(folder: Path) -> tuple[Path, Path | None]:
    """Find the folder of the training pictures, and that of the validation pictures if any."""
    names = subfolders(folder)
    validation = next((name for name in VALIDATION if name in names), None)
    if TRAINING in names and validation is not None:
        return folder / TRAINING, folder / validation
    if names == [TRAINING]:
        return folder / TRAINING, None
    return folder, None
