"""A shard that is a tar, as WebDataset packs pictures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import IO, Any

from vitonnx.dataset._copy import Copy, Spool, Teed
from vitonnx.dataset._rows import Rows, as_set, described_rows, narrowed, rows_from
from vitonnx.dataset._shard import Sample
from vitonnx.dataset._unpack import Wanted, unpacked
from vitonnx.places import Place

__all__ = ["Tar"]

NOTHING = range(0)


@dataclass(frozen=True, eq=False)
class Tar:
    """Pictures in a tar, plain or compressed by gzip: it is streamed, and never unpacked.

    Files of one key follow each other and make a sample: ``n01/tench.jpg``, ``n01/tench.cls``,
    ``n01/tench.json``. A sample without a picture is none; one with several needs a column.

    Parameters
    ----------
    place : Place
        Where it is.
    stem : str
        See `Shard.stem`.
    title : str
        How samples name it.
    wanted : Wanted
        What is read of its samples.
    rows : sequence of int, optional
        Numbers of the samples that are chosen, ascending.
    copy : Copy, optional
        A copy on this machine, of a tar that is elsewhere. It doesn't travel with the shard.
    """

    place: Place
    stem: str
    title: str
    wanted: Wanted
    rows: Rows | None = None
    copy: Copy | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"copy": None}

    @property
    def name(self) -> str:
        """How messages name it."""
        return self.place.name

    @property
    def count(self) -> int | None:
        """The number of its pictures, where they are chosen."""
        return None if self.rows is None else len(self.rows)

    def counted(self) -> int:
        """Count its pictures by its headers."""
        if self.rows is not None:
            return len(self.rows)
        with closing(self._opened()) as file:
            return sum(1 for _ in self._unpacked(file, NOTHING))

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Give its pictures; what others consist of is passed over."""
        rows = rows_from(self.rows, start)
        if not rows:
            return
        with closing(self._opened()) as file:
            for number, sample in enumerate(self._unpacked(file, rows)):
                if sample is not None:
                    yield sample
                if number == rows[-1]:
                    return

    def chosen(self, rows: Rows) -> Tar:
        """Give some of its pictures."""
        return replace(self, rows=narrowed(self.rows, rows))

    def first(self, most: int, spool: Spool) -> Tar:
        """Give its first pictures, counted.

        What is elsewhere isn't read twice: as much of it as that takes is kept in the spool.
        """
        kept = self.copy
        with closing(self._opened()) as file:
            if self.place.is_remote and kept is None:
                kept = Copy(spool.folder / f"{self.stem}.tar", spool)
                with kept.path.open("wb") as target:
                    count = self._count(Teed(file, target), most)  # type: ignore[arg-type]
            else:
                count = self._count(file, most)
        return replace(self, rows=range(count), copy=kept)

    def kept_in(self, spool: Spool) -> Tar:
        """Give the same shard, copied before it is read if it is elsewhere.

        The copy stays for as long as the shard.
        """
        if not self.place.is_remote or self.copy is not None:
            return self
        return replace(self, copy=Copy(spool.folder / f"{self.stem}.tar", spool))

    def described(self) -> str:
        """Describe it by its place and size, and what is read of it."""
        where = f"{self.place.identity} {self.place.size()} bytes"
        return f"tar {where} {self.wanted} {described_rows(self.rows)}"

    def _opened(self) -> IO[bytes]:
        return self.place.stream() if self.copy is None else self.copy.open(self.place)

    def _count(self, file: IO[bytes], most: int) -> int:
        return sum(1 for _ in itertools.islice(self._unpacked(file, NOTHING), most))

    def _unpacked(self, file: IO[bytes], rows: Rows) -> Iterator[Sample | None]:
        can_jump = self.copy is not None or not self.place.is_remote
        used = as_set(rows)
        return unpacked(
            file,
            self.name,
            self.title,
            self.wanted,
            can_jump=can_jump,
            is_used=lambda number: number in used,
        )
