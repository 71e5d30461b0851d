"""Pictures with labels in tars or parquet files, here or at URLs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
from PIL import Image

from vitonnx.data._split import LabelledPictures, StoredSplit, draw_evenly, draw_share
from vitonnx.data._squares import Progress, read_squares, to_square
from vitonnx.dataset import Dataset, Label, Sample
from vitonnx.errors import DataError
from vitonnx.media import Notice, decoded, natural_key

__all__ = ["open_labelled"]


def open_labelled(
    dataset: Dataset,
    name: str,
    size: int,
    seed: int,
    pictures: int | None,
    max_pixels: int | None,
    progress: Progress | None,
    notice: Notice | None,
) -> LabelledPictures:
    """Read a dataset's pictures and labels, as `open_data` describes it.

    A DataError says that a picture has no label, that there are less than two classes, or that a
    class has no picture that can be read.
    """
    labels: list[Label | None] = []

    def labelled(samples: Iterator[Sample]) -> Iterator[Sample]:
        for sample in samples:
            labels.append(sample.label)
            yield sample

    def read(sample: Sample) -> Image.Image:
        """Make a picture small as long as its memory is counted."""
        with decoded(sample.picture, max_pixels=max_pixels, notice=notice) as opened:
            return to_square(opened.picture, size)

    dataset = dataset.fetched()  # they are counted first
    squares, unreadable = read_squares(
        dataset.counted(), labelled(dataset.samples()), read, size, name=name, progress=progress
    )
    rows = np.setdiff1d(np.arange(len(labels)), list(unreadable))
    said = [labels[row] for row in rows]
    if None in said:
        raise DataError(
            f"{name} has a picture without a label, and training needs to know what each shows: "
            "say with --label which column, or which key of a tar's .json, is the class."
        )
    names = [str(label) for label in said]
    classes = tuple(sorted(set(names), key=natural_key))
    places = {each: number for number, each in enumerate(classes)}
    if len(classes) < 2:
        raise DataError(
            f"{name} has {'only one class' if classes else 'no picture that can be read'}, but "
            "training needs at least two classes: give more of it."
        )
    numbers = np.zeros(len(labels), np.int64)
    numbers[rows] = [places[each] for each in names]
    generator = np.random.default_rng(seed)
    drawn = draw_share(numbers[rows], generator)
    train, held_out = rows[~drawn], rows[drawn]
    if len(held_out) == 0:
        raise DataError(f"{name} leaves no picture for validation: give a class at least two.")
    if pictures is not None:
        train = train[draw_evenly(numbers[train], pictures, generator)]
    return LabelledPictures(
        name=PurePosixPath(name).name or name,
        classes=classes,
        train=StoredSplit(squares, numbers, train),
        validation=StoredSplit(squares, numbers, held_out),
        skipped=tuple(unreadable.values()),
    )
