"""What a worker does with a shard: count it, or write its rows, as one process would."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from vitonnx.blame import why_unopened
from vitonnx.dataset import Dataset, Shard
from vitonnx.engine import Survey
from vitonnx.errors import UsageError
from vitonnx.runs import RowWriter, Run

__all__ = ["CountShard", "Task", "WriteShard"]

Item = TypeVar("Item", contravariant=True)
Found = TypeVar("Found", covariant=True)


class Task(Protocol[Item, Found]):
    """What is done of every shard."""

    def do(self, shard: Shard, item: Item) -> Found:
        """Do it, and give what all others need to know of it."""
        ...


@dataclass(frozen=True, eq=False)
class CountShard:
    """A shard's survey.

    Parameters
    ----------
    run : Run
        Of a single pass.
    """

    run: Run

    def do(self, shard: Shard, item: Survey | None) -> Survey:
        """Count a shard, from where another run has left it if it was begun."""
        run = replace(self.run, dataset=Dataset([shard]))
        (found,) = run.begin()
        if item is not None:
            found = replace(item, before=found.before)
        for _ in run.go([found]):
            pass
        return found


@dataclass(frozen=True, eq=False)
class WriteShard:
    """A shard's file.

    Parameters
    ----------
    writer : RowWriter
    place : Path
        A file beside all others, from which it is known that nodes see the same folder.
    content : bytes
        Of this file.
    """

    writer: RowWriter
    place: Path
    content: bytes

    def do(self, shard: Shard, item: Path) -> None:
        """Write the file of a shard."""
        self._check(item.parent)
        for _ in self.writer.write(shard, item):
            pass

    def _check(self, folder: Path) -> None:
        try:
            seen = folder.is_dir() and self.place.read_bytes() == self.content
        except FileNotFoundError:
            seen = False
        except OSError as error:
            raise UsageError(_unseen(folder, why_unopened(error))) from error
        if not seen:
            raise UsageError(_unseen(folder, "it isn't there, or is another one"))


def _unseen(folder: Path, why: str) -> str:
    return (
        f"the node {socket.gethostname()} can't write to {folder} ({why}): with --ray, give an "
        "output that all nodes see."
    )
