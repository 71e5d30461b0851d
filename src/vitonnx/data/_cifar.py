"""CIFAR-10 as published: a tar archive of pickles, or of plain records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vitonnx.data._archive import Member, damaged, members
from vitonnx.data._cifar_batch import Batch
from vitonnx.data._cifar_binary import read_binary_batch, read_binary_names
from vitonnx.data._cifar_pickle import read_pickled_batch, read_pickled_names
from vitonnx.data._draw import draw_evenly
from vitonnx.data._split import LabelledPictures, StoredSplit
from vitonnx.data._squares import Progress, read_squares
from vitonnx.errors import DataError

__all__ = ["open_cifar10"]

BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")


@dataclass(frozen=True)
class Form:
    """Published form of CIFAR-10: the files of its archive, and their reader."""

    batches: tuple[str, ...]
    names: str
    read_batch: Callable[[Member], Batch]
    read_names: Callable[[Member], tuple[str, ...]]


FORMS = (
    Form(BATCHES, "batches.meta", read_pickled_batch, read_pickled_names),
    Form(
        tuple(f"{name}.bin" for name in BATCHES),
        "batches.meta.txt",
        read_binary_batch,
        read_binary_names,
    ),
)

# Only CIFAR-100's archives hold these, the Python form and the binary one.
CIFAR_100 = {"meta", "fine_label_names.txt"}


def open_cifar10(
    path: Path, size: int, seed: int, pictures: int | None, progress: Progress | None
) -> LabelledPictures:
    """Read CIFAR-10's archive; its test pictures are for validation.

    Parameters
    ----------
    path : Path
        A file, known by what it holds and not by its name.
    size, seed, pictures, progress
        As in `open_data`.

    Returns
    -------
    LabelledPictures

    Raises
    ------
    DataError
        If it is not CIFAR-10's archive, is truncated or damaged, or would run code or reach out
        of a folder.
    """
    batches, classes = _read(path)
    labels = np.concatenate([batch.labels for batch in batches])
    test = len(batches[-1].labels)
    train, held_out = np.split(np.arange(len(labels)), [len(labels) - test])
    if pictures is not None:
        train = train[draw_evenly(labels[train], pictures, np.random.default_rng(seed))]
    rows = np.concatenate([train, held_out])
    labels = labels[rows]
    raw = np.concatenate([batch.pictures for batch in batches])
    squares, _ = read_squares(
        len(rows),
        lambda row: Image.fromarray(raw[rows[row]]),
        size,
        name=str(path),
        progress=progress,
    )
    return LabelledPictures(
        name="CIFAR-10",
        classes=classes,
        train=StoredSplit(squares, labels, np.arange(len(train))),
        validation=StoredSplit(squares, labels, np.arange(len(train), len(rows))),
    )


def _read(path: Path) -> tuple[list[Batch], tuple[str, ...]]:
    """Read the training batches, then the test batch, and the names of the classes."""
    batches: dict[str, Batch] = {}
    classes: dict[str, tuple[str, ...]] = {}
    others: set[str] = set()
    for member in members(path):
        name = member.name
        form = next((form for form in FORMS if name in (*form.batches, form.names)), None)
        if form is None:
            others.add(name)
        elif name in batches or name in classes:
            raise damaged(path, f"it holds {name} twice")
        elif name == form.names:
            classes[name] = form.read_names(member)
        else:
            batches[name] = form.read_batch(member)
    for form in FORMS:
        missing = [name for name in (*form.batches, form.names) if name not in batches | classes]
        if not missing:
            return [batches[name] for name in form.batches], classes[form.names]
        if len(missing) <= len(form.batches):
            raise damaged(path, f"it lacks {', '.join(missing)}")
    if CIFAR_100 & others:
        raise DataError(
            f"{path} holds CIFAR-100, but only the CIFAR-10 archive can be read: unpack the "
            "pictures into one subfolder per class, and give their parent folder."
        )
    raise DataError(
        f"{path} is an archive, but not of CIFAR-10: give cifar-10-python.tar.gz or "
        "cifar-10-binary.tar.gz, or unpack it and give a folder with one subfolder per class."
    )
