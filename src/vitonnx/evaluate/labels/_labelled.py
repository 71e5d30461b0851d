"""A dataset whose labels are in a file beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from vitonnx.dataset import Dataset, Sample, Shard
from vitonnx.evaluate.labels._truth import ListedTruth, Truth

__all__ = ["LabelledShard", "labelled"]


def labelled(dataset: Dataset, truth: Truth, whole: Callable[[], Dataset]) -> Dataset:
    """Give the same pictures with other labels.

    Parameters
    ----------
    dataset : Dataset
    truth : Truth
        The labels.
    whole : callable
        Gives the dataset that this one is a sample of: where only the order of the pictures tells
        their labels, all of them count.

    Raises
    ------
    UsageError
        If the truth is that of other pictures.
    """
    if isinstance(truth, ListedTruth):
        first = next(dataset.samples(), None)
        if first is not None and not truth.is_numbered(first.id):
            truth = truth.in_order([sample.id for sample in whole().samples()])
    return Dataset([LabelledShard(shard, truth) for shard in dataset.shards])


@dataclass(frozen=True, eq=False)
class LabelledShard:
    """A shard with other labels: see `vitonnx.dataset.Shard`."""

    shard: Shard
    truth: Truth

    @property
    def name(self) -> str:
        """How messages name it."""
        return self.shard.name

    @property
    def stem(self) -> str:
        """What a file with its results is called."""
        return self.shard.stem

    @property
    def count(self) -> int | None:
        """The number of its pictures, where it is known."""
        return self.shard.count

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Give its pictures with their labels; one that the truth lacks has none."""
        for sample in self.shard.samples(start):
            yield replace(sample, label=self.truth.label(sample.id))

    def counted(self) -> int:
        """Count its pictures."""
        return self.shard.counted()

    def chosen(self, rows: range | list[int]) -> LabelledShard:
        """Give some of its pictures."""
        return replace(self, shard=self.shard.chosen(rows))

    def described(self) -> str:
        """Describe the pictures, and their labels."""
        return f"{self.shard.described()} with {self.truth.described()}"
