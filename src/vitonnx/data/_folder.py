"""A folder of class folders as a dataset."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from vitonnx.data._class_folders import list_classes, subfolders
from vitonnx.data._draw import draw_evenly, draw_share
from vitonnx.data._split import LabelledPictures, StoredSplit
from vitonnx.data._squares import Progress, read_squares, to_square
from vitonnx.errors import DataError
from vitonnx.media import Notice, decoded

__all__ = ["open_folder"]

TRAINING = "train"

# In the order of preference: what is called a test set may be kept for later.
VALIDATION = ("val", "valid", "validation", "test")


def open_folder(
    folder: Path,
    size: int,
    seed: int,
    pictures: int | None,
    max_pixels: int | None,
    progress: Progress | None,
    notice: Notice | None,
) -> LabelledPictures:
    """Read a folder that holds a folder of pictures for each class.

    Parameters
    ----------
    folder : Path
        Folder with one subfolder per class, or with ``train`` and one of ``val``, ``valid``,
        ``validation`` or ``test``, each of which has the classes' subfolders.
    size, seed, pictures, max_pixels, progress, notice
        As in `open_data`.

    Returns
    -------
    LabelledPictures

    Raises
    ------
    DataError
        If there are less than two classes, one without pictures, or none for validation.
    """
    training, validation = _layout(folder)
    classes, files, labels = list_classes(training, notice=notice)
    own = len(files)
    if validation is not None:
        _, more_files, more_labels = list_classes(validation, among=classes, notice=notice)
        files, labels = files + more_files, np.concatenate([labels, more_labels])

    def read(row: int) -> Image.Image:
        """Make a picture small as long as its memory is counted."""
        with decoded(files[row], max_pixels=max_pixels, notice=notice) as opened:
            return to_square(opened.picture, size)

    squares, unreadable = read_squares(
        len(files),
        read,
        size,
        name=str(folder),
        progress=progress,
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
