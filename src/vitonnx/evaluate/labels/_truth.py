"""What a file beside pictures says that they show: by their names, or line by line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from vitonnx.dataset import Label
from vitonnx.errors import UsageError
from vitonnx.media import natural_key

__all__ = ["ListedTruth", "NamedTruth", "Truth"]

SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}")
NUMBERED = re.compile(r"ILSVRC2012_(?:val|test)_(\d{8})")


@dataclass(frozen=True)
class NamedTruth:
    """Labels by the pictures' names, with or without their folders and suffixes.

    Parameters
    ----------
    file : Path
        Where they are from, for messages.
    labels : sequence of (str, str or int)
        Names as the file has them, and the pictures' labels.

    Raises
    ------
    UsageError
        If a picture is named twice, with two labels.

    Examples
    --------
    >>> truth = NamedTruth(Path("val.txt"), [("val/bird.JPEG", 3), ("val/cat.JPEG", 7)])
    >>> truth.label("bird.JPEG"), truth.label("val/cat"), truth.label("dog.png")
    (3, 7, None)
    """

    file: Path
    labels: Sequence[tuple[str, Label]]

    def __post_init__(self) -> None:
        _ = self._whole

    @cached_property
    def _whole(self) -> dict[str, Label]:
        found: dict[str, Label] = {}
        for name, label in self.labels:
            if found.setdefault(_stem(name), label) != label:
                raise UsageError(f"{self.file} has two labels for {name}: remove one.")
        return found

    @cached_property
    def _short(self) -> dict[str, set[Label]]:
        found: dict[str, set[Label]] = {}
        for name, label in self._whole.items():
            found.setdefault(name.rpartition("/")[2], set()).add(label)
        return found

    def label(self, own: str) -> Label | None:
        """Give the label of a picture, by its id; None if the file lacks it.

        Raises
        ------
        UsageError
            If only its folder could tell it from another picture.
        """
        stem = _stem(own)
        if stem in self._whole:
            return self._whole[stem]
        labels = self._short.get(stem.rpartition("/")[2], set())
        if len(labels) > 1:
            raise UsageError(
                f"{self.file} names several pictures like {own}, in folders that aren't those of "
                "the pictures: give the folder that its names begin in."
            )
        return next(iter(labels), None)

    def described(self) -> str:
        """Describe the labels so closely that others differ."""
        return _hash(self.labels)


@dataclass(frozen=True)
class ListedTruth:
    """Labels line by line: by the number in the pictures' names, as ImageNet's have it.

    Parameters
    ----------
    file : Path
        Where they are from, for messages.
    lines : sequence of str or int
        The labels of the first picture, the second, and so on.

    Examples
    --------
    >>> truth = ListedTruth(Path("truth.txt"), ["n01440764", "n01443537"])
    >>> truth.label("val/ILSVRC2012_val_00000002.JPEG")
    'n01443537'
    """

    file: Path
    lines: Sequence[Label]

    @staticmethod
    def is_numbered(own: str) -> bool:
        """Tell whether a picture's id says its line."""
        return NUMBERED.fullmatch(_stem(own).rpartition("/")[2]) is not None

    def label(self, own: str) -> Label | None:
        """Give the label of a picture, by the number in its id; None if there is no number.

        Raises
        ------
        UsageError
            If there are less lines.
        """
        found = NUMBERED.fullmatch(_stem(own).rpartition("/")[2])
        if found is None:
            return None
        number = int(found[1])
        if not 1 <= number <= len(self.lines):
            raise UsageError(
                f"{self.file} has {len(self.lines)} lines, and so none for {own}: give the file "
                "of this dataset."
            )
        return self.lines[number - 1]

    def in_order(self, every: Sequence[str]) -> NamedTruth:
        """Give the labels of pictures without numbers, whose names are sorted.

        Parameters
        ----------
        every : sequence of str
            The ids of all pictures.

        Raises
        ------
        UsageError
            If there are more or less of them than lines, or their order is anybody's guess.
        """
        names = sorted(every)
        if len(names) != len(self.lines):
            raise UsageError(
                f"{self.file} has {len(self.lines)} lines for {len(names)} pictures, whose names "
                "don't say their line as ILSVRC2012_val_00000001 does: give all the pictures "
                "that it labels, or a file that names them."
            )
        if names != sorted(every, key=natural_key):
            raise UsageError(
                f"{self.file} has a line for each picture, but their names can be sorted in two "
                "ways, 10 before 9 or 9 before 10: give a file that names them."
            )
        return NamedTruth(self.file, list(zip(names, self.lines, strict=True)))

    def described(self) -> str:
        """Describe the labels so closely that others differ."""
        return _hash(self.lines)


Truth: TypeAlias = NamedTruth | ListedTruth


def _stem(name: str) -> str:
    """Leave a format's suffix out, and what says the same folder again.

    Examples
    --------
    >>> _stem("./val/bird.JPEG"), _stem("v1.5/bird.0007")
    ('val/bird', 'v1.5/bird.0007')
    """
    path = PurePosixPath(name)
    return (path.with_suffix("") if SUFFIX.fullmatch(path.suffix) else path).as_posix()


def _hash(labels: object) -> str:
    return hashlib.sha256(repr(labels).encode("utf-8", "surrogateescape")).hexdigest()
