"""A dataset: shards in their order, of which a part can be taken, or the rest."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vitonnx.dataset._copy import Spool
from vitonnx.dataset._listing import Listing
from vitonnx.dataset._shard import Sample, Shard
from vitonnx.dataset._tar import Tar

__all__ = ["Dataset", "as_dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Pictures with ids and labels, in shards; to iterate gives the pictures alone.

    Parameters
    ----------
    shards : sequence of Shard
        In their order.

    Examples
    --------
    >>> birds = as_dataset(["robin.jpg", "wren.jpg"])
    >>> len(birds.shards), birds.count, list(birds)
    (1, 2, ['robin.jpg', 'wren.jpg'])
    """

    shards: Sequence[Shard]

    @property
    def count(self) -> int | None:
        """The number of pictures, where it is known without reading any shard."""
        total = 0
        for shard in self.shards:
            count = shard.count
            if count is None:
                return None
            total += count
        return total

    def counted(self) -> int:
        """Count the pictures, if need be by reading all that is no picture of them."""
        return sum(shard.counted() for shard in self.shards)

    @property
    def is_listed(self) -> bool:
        """Whether all pictures are files, whose names are known."""
        return all(isinstance(shard, Listing) for shard in self.shards)

    @property
    def files(self) -> list[str]:
        """Names of what is read: the pictures' files, or those that hold them."""
        listed = [
            shard.names if isinstance(shard, Listing) else [shard.name] for shard in self.shards
        ]
        return list(itertools.chain.from_iterable(listed))

    def samples(self) -> Iterator[Sample]:
        """Give all samples, shard by shard."""
        return itertools.chain.from_iterable(shard.samples() for shard in self.shards)

    def __iter__(self) -> Iterator[Any]:
        return (sample.picture for sample in self.samples())

    def fetched(self) -> Dataset:
        """Give the same dataset, whose tars are copied to this machine if they are at URLs.

        Whoever reads a dataset several times asks for it: each tar is fetched once, as a whole,
        when it is first read. Names, stems and descriptions stay. The copies lie in a temporary
        folder, which goes with the dataset.
        """
        spool = Spool()
        return Dataset(
            [shard.kept_in(spool) if isinstance(shard, Tar) else shard for shard in self.shards]
        )

    def part(self, number: int, parts: int) -> Dataset:
        """Take one of so many parts: shards that follow each other, as evenly as can be.

        Parameters
        ----------
        number : int
            From 0 to below `parts`.
        parts : int

        Returns
        -------
        Dataset
            Of no shard, where there are more parts than shards.
        """
        start, stop = self.span(number, parts)
        return Dataset(self.shards[start:stop])

    def span(self, number: int, parts: int) -> tuple[int, int]:
        """Give the number of the first shard of a part, and of the first behind it."""
        return len(self.shards) * number // parts, len(self.shards) * (number + 1) // parts

    def described(self) -> dict[str, str | int]:
        """Describe it so closely that one of the same description has the same pictures."""
        digest = hashlib.sha256()
        for shard in self.shards:
            digest.update(shard.described().encode("utf-8", "surrogateescape") + b"\0")
        count = self.count
        return {
            "the number of pictures": count if self.is_listed and count is not None else "unknown",
            "the number of shards": len(self.shards),
            "the hash of the pictures' names and places": digest.hexdigest(),
        }


def as_dataset(pictures: Dataset | Iterable[Any]) -> Dataset:
    """Take pictures as a dataset of one shard; a dataset stays as it is."""
    if isinstance(pictures, Dataset):
        return pictures
    return Dataset([Listing("pictures", list(pictures))])
