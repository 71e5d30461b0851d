"""Pictures and their labels, as Python has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vitonnx.dataset import Dataset, Label, Listing, Sample, as_dataset
from vitonnx.engine import as_pictures
from vitonnx.errors import UsageError

__all__ = ["with_labels"]


@dataclass(frozen=True, eq=False)
class Pairs(Listing):
    """Pictures that are listed, and their labels."""

    labels: Sequence[Label] = ()

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Give the pictures, each with its label."""
        for sample, label in zip(super().samples(start), self.labels[start:], strict=True):
            yield replace(sample, label=label)

    def chosen(self, rows: range | list[int]) -> Pairs:
        """Give some of them."""
        files, labels = ([of[row] for row in rows] for of in (self.files, self.labels))
        return replace(self, files=files, labels=labels)

    def described(self) -> str:
        """Describe the pictures and the labels."""
        return f"{super().described()} {self.labels}"


def with_labels(
    pictures: Dataset | Iterable[Any], labels: Iterable[Label] | None = None
) -> Dataset:
    """Give pictures as a dataset that knows their labels.

    Raises
    ------
    UsageError
        If there are more or less labels than pictures, or both say them.
    """
    if labels is None:
        return as_dataset(pictures)
    if isinstance(pictures, Dataset):
        raise UsageError("the dataset has labels of its own: leave the others out.")
    files, given = list(as_pictures(pictures)), [_plain(label) for label in labels]
    if len(files) != len(given):
        raise UsageError(f"{len(given)} labels for {len(files)} pictures: give one for each.")
    return Dataset([Pairs("pictures", files, labels=given)])


def _plain(label: Any) -> Label:
    """Take numbers of any library."""
    return label if isinstance(label, str) else int(label)
