"""Where a file is, on this machine or elsewhere, and what can be done with it there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from vitonnx.blame import why_unopened
from vitonnx.errors import DataError, PictureError, VitonnxError
from vitonnx.filenames import is_text, shown
from vitonnx.places._address import is_address, named
from vitonnx.regular import refuse_special

__all__ = ["MOST_BYTES", "Local", "Place", "outside", "place_of", "refuse_long", "shown_place"]

MOST_BYTES = 2**28
"""Bytes of a picture's file, where it is read into memory as a whole."""


class Place(Protocol):
    """A file, or a folder that files are found below."""

    @property
    def name(self) -> str:
        """How messages name it."""
        ...

    @property
    def file_name(self) -> str:
        """Its own name, without those of its folders."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether it is on another machine, so that to look twice takes twice as long."""
        ...

    @property
    def folder(self) -> Place:
        """The folder that it is in."""
        ...

    @property
    def identity(self) -> str:
        """What tells it from other places, whatever the current folder."""
        ...

    def discreet(self, reason: str) -> str:
        """Take out of what a library says whatever lets somebody in."""
        ...

    def size(self) -> int | None:
        """Ask for its length in bytes, which a web server may not tell."""
        ...

    def stream(self) -> IO[bytes]:
        """Open it to be read once, from its beginning."""
        ...

    def table(self) -> Any:
        """Give what pyarrow reads a file from, at any place of it."""
        ...

    def content(self) -> bytes:
        """Read a picture's file, or raise a `PictureError`."""
        ...

    def below(self, path: str) -> Place:
        """Give a file in this folder; raise a `PictureError` if a path leads out of it."""
        ...


def place_of(name: str) -> Place:
    """Take a name as that of a file on this machine, or as a URL."""
    if is_address(name):
        from vitonnx.places._remote import Remote

        return Remote(name)
    return Local(name)


def shown_place(word: str) -> str:
    """Give a word of the command line as messages have it: a URL without passwords and tokens."""
    return shown(named(word))


@dataclass(frozen=True)
class Local:
    """A file on this machine."""

    path: str

    @property
    def name(self) -> str:
        """How messages name it."""
        return shown(self.path)

    @property
    def file_name(self) -> str:
        """Its own name."""
        return Path(self.path).name

    @property
    def is_remote(self) -> bool:
        """It is here."""
        return False

    @property
    def folder(self) -> Local:
        """The folder that it is in."""
        return Local(str(Path(self.path).parent))

    @property
    def identity(self) -> str:
        """Its path from the root."""
        return str(Path(self.path).absolute())

    def discreet(self, reason: str) -> str:
        """Leave it, as a path gives nothing away."""
        return reason

    def size(self) -> int:
        """Ask for its length in bytes."""
        with self._opening(DataError):
            return Path(self.path).stat().st_size

    def stream(self) -> IO[bytes]:
        """Open it."""
        return self._open(DataError)

    def table(self) -> Any:
        """Open it for pyarrow."""
        from pyarrow import OSFile, PythonFile

        file = self._open(DataError)
        if not is_text(self.path):  # which pyarrow can't open by its name
            return PythonFile(file, mode="r")
        file.close()
        return OSFile(self.path)

    def content(self) -> bytes:
        """Read a picture's file."""
        with self._open(PictureError) as file:
            refuse_long(self.name, os.fstat(file.fileno()).st_size)
            return file.read()

    def below(self, path: str) -> Local:
        """Follow a path from this folder, and all links on its way, as far as it stays inside."""
        try:
            folder = os.path.realpath(self.path)
            found = os.path.realpath(os.path.join(folder, path))  # noqa: PTH118 - any path
        except (OSError, ValueError) as error:
            raise PictureError(f"{shown(path)} is not a path: {why_unopened(error)}.") from error
        if is_address(path) or os.path.commonpath([folder, found]) != folder:
            raise PictureError(outside(path, self.name))
        return Local(found)

    def _open(self, kind: type[VitonnxError]) -> IO[bytes]:
        refuse_special(self.path, kind)
        with self._opening(kind):
            return Path(self.path).open("rb")

    @contextmanager
    def _opening(self, kind: type[VitonnxError]) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise kind(f"{self.name} does not exist: check the name and the folder.") from error
        except (OSError, ValueError) as error:
            raise kind(f"can't read {self.name}: {why_unopened(error)}.") from error


def refuse_long(name: str, size: int) -> None:
    """Refuse what is too long for a picture before it is in memory."""
    if size > MOST_BYTES:
        raise PictureError(
            f"{name} has {size:,} bytes, more than the {MOST_BYTES:,} that a picture in a dataset "
            "may have: scale it down first."
        )


def outside(path: str, folder: str) -> str:
    """Say that a path leads out of where a table's pictures may be."""
    return (
        f"{shown_place(path)} is not below {folder}, where the paths of this dataset must stay: if "
        "it is right, say where its pictures are with --root DIR."
    )
