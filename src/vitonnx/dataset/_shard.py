"""What a dataset is made of: samples, which come in shards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from vitonnx.media import Encoded

__all__ = ["Label", "Sample", "Shard"]

Label: TypeAlias = str | int
"""A class as the dataset says it: its name, its WordNet id, or its number."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A picture of a dataset, and what the dataset says of it.

    Parameters
    ----------
    id : str
        What tells it from the other pictures.
    picture : path, Encoded, or what else an engine takes
        One that can't be had raises a `PictureError` once it is read, like any bad picture.
    label : str, int or None
        Its class, where the dataset says one.
    """

    id: str
    picture: str | Path | Encoded | Any
    label: Label | None = None

    @property
    def name(self) -> str:
        """How messages name it."""
        is_named = isinstance(self.picture, str | Path | Encoded)
        return str(self.picture) if is_named else self.id


class Shard(Protocol):
    """A part of a dataset that is read from its beginning to its end: a tar, or a listing.

    What was done of a shard is kept or done again as a whole, and its results are one file.
    """

    @property
    def name(self) -> str:
        """How messages name it: its path or URL."""
        ...

    @property
    def stem(self) -> str:
        """What a file with its results is called, without a suffix."""
        ...

    @property
    def count(self) -> int | None:
        """The number of its pictures, where it is known without reading it."""
        ...

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Give its pictures, in their order.

        Parameters
        ----------
        start : int
            How many are passed over, and not read as far as that can be.

        Raises
        ------
        DataError
            If the shard can't be read, or is damaged.
        """
        ...

    def counted(self) -> int:
        """Count its pictures, if need be by reading all that is no picture of it.

        Raises
        ------
        DataError
            As in `samples`.
        """
        ...

    def chosen(self, rows: range | list[int]) -> Shard:
        """Give a shard of the same name with some of its pictures, by their numbers, ascending."""
        ...

    def described(self) -> str:
        """Describe it so closely that another shard of the same description has the same pictures.

        Its place is part of that, and the names of its files or else its size in bytes, but no
        time: a copy that is as large is taken for the same.
        """
        ...
