"""A shard of picture files that are listed by their names: of a folder, a glob or a list."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from vitonnx.dataset._shard import Sample
from vitonnx.filenames import shown
from vitonnx.media import Encoded
from vitonnx.places import Remote, is_address, named, place_of

__all__ = ["SHARD_SIZE", "Listing"]

SHARD_SIZE = 4096
"""Pictures of a shard, where their files are listed."""


@dataclass(frozen=True, eq=False)
class Listing:
    """Pictures by their names, as they are on the disk, or by their URLs.

    Parameters
    ----------
    stem : str
        See `Shard.stem`.
    files : sequence of str or path
        Their names; or whatever else an engine takes as pictures.
    roots : sequence of str, optional
        Of each, the folder that its id is relative to. Where that is empty, the name is the id.
    """

    stem: str
    files: Sequence[Any]
    roots: Sequence[str] = ()

    @property
    def name(self) -> str:
        """How messages name it."""
        roots = set(self.roots)
        return shown(roots.pop()) or self.stem if len(roots) == 1 else self.stem

    @property
    def names(self) -> list[str]:
        """Names of its pictures, as results have them: URLs without passwords and tokens."""
        return [_name(file, number) for number, file in enumerate(self.files)]

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
            root = self.roots[number] if self.roots else ""
            if not isinstance(file, str | Path):
                yield Sample(f"picture {number}", file)
            elif is_address(str(file)):
                yield _elsewhere(str(file), root)
            else:
                own = Path(os.path.relpath(file, root) if root else file)
                yield Sample(own.as_posix(), file, _label(own, root))

    def chosen(self, rows: range | list[int]) -> Listing:
        """Give some of its pictures."""
        files = [self.files[row] for row in rows]
        return replace(self, files=files, roots=[self.roots[row] for row in rows if self.roots])

    def described(self) -> str:
        """Hash the names in their order."""
        digest = hashlib.sha256()
        for file in self.files:
            where = place_of(str(file)).identity
            digest.update(where.encode("utf-8", "surrogateescape") + b"\0")
        return f"{len(self.files)} files {digest.hexdigest()}"


def _name(file: Any, number: int) -> str:
    if not isinstance(file, str | Path | Encoded):
        return f"picture {number}"
    return named(str(file))


def _elsewhere(address: str, root: str) -> Sample:
    """Give a picture at a URL, which is fetched once it is decoded."""
    place = Remote(address)
    own = place.path_below(root) if root else place.name
    return Sample(own, Encoded(place.name, place.content), _label(PurePosixPath(own), root))


def _label(own: PurePath, root: str) -> str | None:
    """Give the class of a picture: the first folder on the way to it."""
    return own.parts[0] if root and len(own.parts) > 1 else None
