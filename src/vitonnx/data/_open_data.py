"""Open whatever a dataset's name stands for."""

from __future__ import annotations

import os
from pathlib import Path

from vitonnx.data._cifar import open_cifar10, refuse_pickles
from vitonnx.data._class_folders import open_folder, subfolders
from vitonnx.data._labelled import open_labelled
from vitonnx.data._split import LabelledPictures
from vitonnx.data._squares import Progress
from vitonnx.dataset import holds_samples, open_dataset
from vitonnx.errors import DataError, UsageError
from vitonnx.filenames import refuse_address
from vitonnx.media import Notice
from vitonnx.places import shown_place

__all__ = ["open_data"]


def open_data(
    data: str | os.PathLike[str],
    size: int,
    seed: int,
    *,
    column: str = "image",
    label: str | None = None,
    root: str | None = None,
    pictures: int | None = None,
    max_pixels: int | None = None,
    progress: Progress | None = None,
    notice: Notice | None = None,
) -> LabelledPictures:
    """Open a dataset to train on: drawn scenes, a folder, or CIFAR-10's archive.

    Parameters
    ----------
    data : str or Path
        One of:

        - ``"scenes"``: one-object scenes of `vitonnx.data.scenes`, for training drawn anew in
          every epoch; a folder of this name is ``"./scenes"``, or a Path;
        - a folder that holds a folder of pictures for each class; or ``train`` and ``val`` (or
          ``valid``, ``validation``, ``test``) that hold such folders each. Without them a tenth
          of each class is drawn for validation;
        - CIFAR-10's archive as it is published in its binary version,
          ``cifar-10-binary.tar.gz``, also without the compression. Its test pictures are for
          validation. It is read without unpacking it;
        - a tar as WebDataset packs pictures, a parquet file, or a folder or glob of either, here or
          at a URL: see `vitonnx.dataset.open_dataset`. The classes are the labels in natural order,
          and a tenth of each is drawn for validation.
    size : int
        Side of the pictures, in pixels. Others are scaled so that the shorter side fits, with
        antialiased bicubic, and cropped to their centre; of the stored sets all pictures are kept
        in memory, 4 GiB at most.
    seed : int
        Seed for everything random.
    column, label, root
        As in `vitonnx.dataset.open_dataset`, for tars and parquet.
    pictures : int or None
        Training pictures an epoch: so many scenes, or of a stored set at most so many, drawn
        evenly from its classes. None takes 10,000 scenes, or all of a stored set.
    max_pixels : int or None
        Largest picture in a folder, in pixels: see `vitonnx.media.open_picture`.
    progress : callable or None
        Is called as ``progress(done, total)`` while pictures are read.
    notice : callable or None
        For a folder: see `vitonnx.media.find_pictures`.

    Returns
    -------
    LabelledPictures
        Pictures that can't be read are left out, and listed in ``skipped``.

    Raises
    ------
    DataError
        If the dataset doesn't exist, can't be read, or can't be used for training.
    UsageError
        If ``size``, ``seed`` or ``pictures`` can't be, or ``"scenes"`` may mean a folder.

    References
    ----------
    Krizhevsky 2009, "Learning multiple layers of features from tiny images" (CIFAR-10).

    Examples
    --------
    >>> scenes = open_data("scenes", size=32, seed=0, pictures=600)
    >>> pictures, labels = scenes.train.read([0, 7], epoch=3)
    >>> pictures.shape, len(scenes.train)
    ((2, 32, 32, 3), 600)
    """
    for name, value, least in (("size", size, 1), ("seed", seed, 0), ("pictures", pictures, 1)):
        if value is not None and value < least:
            raise UsageError(f"{name} is {value}; it must be at least {least}.")
    if data == "scenes":
        from vitonnx.data._drawn import open_scenes  # with OpenCV, which nothing else here needs

        _check_that_scenes_are_meant()
        return open_scenes(size, seed, pictures)
    name, path = os.fspath(data), Path(data)
    if holds_samples(name):
        dataset = open_dataset([name], column=column, label=label, root=root, notice=notice)
        return open_labelled(
            dataset, shown_place(name), size, seed, pictures, max_pixels, progress, notice
        )
    refuse_address(name)
    if label is not None or root is not None:
        raise UsageError(
            f"--label and --root are for tars and parquet, but {path} is neither: leave them out."
        )
    if path.is_dir():
        refuse_pickles(path)
        return open_folder(path, size, seed, pictures, max_pixels, progress, notice)
    if path.exists():
        return open_cifar10(path, size, seed, pictures, progress)
    raise DataError(
        f"{path} does not exist: give a folder with one subfolder per class, tars or parquet, the "
        "CIFAR-10 archive, or the word scenes."
    )


def _check_that_scenes_are_meant() -> None:
    """Refuse to guess where there are class folders of the same name."""
    folder = Path("scenes")
    if folder.is_dir() and subfolders(folder):
        raise UsageError(
            "scenes means the scenes that vitonnx draws, but there is also a folder of this "
            "name: use ./scenes for the folder, or work in another folder for the drawn scenes."
        )
