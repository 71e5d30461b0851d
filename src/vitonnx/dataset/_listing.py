"""A shard of picture files that are listed by their names: of a folder, a glob or a list."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vitonnx.dataset._shard import Sample

__all__ = ["SHARD_SIZE", "Listing"]

SHARD_SIZE = 4096
"""Pictures of a shard, where their files are listed."""


@dataclass(frozen=True, eq=False)
class Listing:
    """Pictures by their names, as they are on the disk.

    Parameters
    ----------
    stem : str
        See `Shard.stem`.
    files : sequence of str or path
        Their names; or whatever else an engine takes as pictures.
    root : str
        The folder that ids are relative to. Without one, a name is the id.
    """

    stem: str
    files: Sequence[Any]
    root: str = ""

    @property
    def name(self) -> str:
        """How messages name it."""
        return self.root or self.stem

    @property
    def count(self) -> int:
        """The number of its pictures."""
        return len(self.files)

    def counted(self) -> int:
        """Count its pictures."""
        return self.count

    def samples(self, start: int = 0) -> Iterator[Sample]:
        """Give its pictures; a folder below the root is the class of all that is in it."""
        for number in range(start, len(self.files)):
            file = self.files[number]
            if not isinstance(file, str | Path):
                yield Sample(f"picture {number}", file)
                continue
            own = os.path.relpath(file, self.root) if self.root else os.fspath(file)
            parts = Path(own).parts
            label = parts[0] if self.root and len(parts) > 1 else None
            yield Sample(Path(own).as_posix(), file, label)

    def chosen(self, rows: range | list[int]) -> Listing:
        """Give some of its pictures."""
        return replace(self, files=[self.files[row] for row in rows])

    def described(self) -> str:
        """Hash the names in their order."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(os.fsencode(Path(str(file)).absolute()) + b"\0")
        return f"{len(self.files)} files {digest.hexdigest()}"
