"""CIFAR-10 as it is published in its binary version: a tar archive of plain records."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.data._split import LabelledPictures, StoredSplit, draw_evenly
from vitonnx.data._squares import Progress, read_squares
from vitonnx.data._tar import Member, damaged, members
from vitonnx.errors import DataError

__all__ = ["open_cifar10", "refuse_pickles"]

BATCHES: Final = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")
NAMES: Final = "batches.meta.txt"
"""The file of the classes' names."""

PICKLED: Final = "batches.meta"
"""The file of the classes' names in the Python version, whose files are all pickles."""

CIFAR_100: Final = {"meta", "fine_label_names.txt"}
"""Only CIFAR-100's archives hold these, the Python version and the binary one."""

CLASSES: Final = 10
SIDE: Final = 32
RECORD: Final = 1 + 3 * SIDE * SIDE
"""Bytes of a picture: its label; then all of red, of green and of blue, each row by row."""

LONGEST_NAMES: Final = 2**16
"""Bytes of the file of names: CIFAR-10's has 61."""
LONGEST_NAME: Final = 100
"""Letters of a class's name: CIFAR-10's longest, automobile, has ten."""


class Batch(NamedTuple):
    """Pictures uint8 (pictures, 32, 32, 3) and labels int64 (pictures,)."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]


def open_cifar10(
    path: Path, size: int, seed: int, pictures: int | None, progress: Progress | None
) -> LabelledPictures:
    """Read CIFAR-10's archive, known by what it holds; its test pictures are for validation.

    Raises
    ------
    DataError
        If it is not CIFAR-10's binary archive, is truncated or damaged, or would reach out of a
        folder.
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
        rows,
        lambda row: Image.fromarray(raw[row]),
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


def refuse_pickles(folder: Path) -> None:
    """Refuse the folder that CIFAR-10's Python version unpacks to, by a DataError."""
    if (folder / PICKLED).is_file():
        raise _pickled(folder)


def _read(path: Path) -> tuple[list[Batch], tuple[str, ...]]:
    """Read the training batches, then the test batch, and the names of the classes."""
    batches: dict[str, Batch] = {}
    classes: tuple[str, ...] = ()
    others: set[str] = set()
    for member in members(path):
        name = member.name
        if name == PICKLED or f"{name}.bin" in BATCHES:
            raise _pickled(path)
        if name in batches or (classes and name == NAMES):
            raise damaged(path, f"it holds {name} twice")
        if name in BATCHES:
            batches[name] = _read_batch(member)
        elif name == NAMES:
            classes = _read_names(member)
        else:
            others.add(name)
    if batches or classes:
        missing = [name for name in BATCHES if name not in batches]
        if missing := missing + [NAMES] * (not classes):
            raise damaged(path, f"it lacks {', '.join(missing)}")
        return [batches[name] for name in BATCHES], classes
    if CIFAR_100 & others:
        raise DataError(
            f"{path} holds CIFAR-100, but only the CIFAR-10 archive can be read: unpack the "
            "pictures into one subfolder per class, and give their parent folder."
        )
    raise DataError(
        f"{path} is an archive, but not CIFAR-10's: give cifar-10-binary.tar.gz, or unpack it and "
        "give a folder of class folders."
    )


def _read_batch(member: Member) -> Batch:
    """Read a ``.bin`` file: for each picture a byte for the label, and its pixels."""
    content = member.read()
    if len(content) % RECORD:
        raise damaged(
            member.path,
            f"{member.name} has {len(content):,} bytes, which are no whole records of {RECORD:,}",
        )
    if not content:
        raise damaged(member.path, f"{member.name} holds no pictures")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        raise damaged(member.path, f"{member.name} has labels beyond 0 to {CLASSES - 1}")
    return Batch(records[:, 1:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels)


def _read_names(member: Member) -> tuple[str, ...]:
    """Read ``batches.meta.txt``, a class a line."""
    lines = member.read(LONGEST_NAMES).decode("latin-1").splitlines()
    names = tuple(line.strip() for line in lines if line.strip())
    if not len(names) == len(set(names)) == CLASSES or max(map(len, names)) > LONGEST_NAME:
        raise damaged(member.path, f"{member.name} doesn't name {CLASSES} classes")
    return names


def _pickled(path: Path) -> DataError:
    return DataError(
        f"{path} is CIFAR-10's Python version, whose files are pickles: these can run code, and "
        "are not read. Give the binary version instead, cifar-10-binary.tar.gz."
    )
