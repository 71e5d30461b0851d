"""Read a tar archive's files into memory, with nothing of it ever written to the disk."""

from __future__ import annotations

import gzip
import io
import itertools
import re
import tarfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from vitonnx.blame import blamed_on
from vitonnx.errors import DataError
from vitonnx.regular import refuse_special

__all__ = ["Member", "damaged", "members"]

GZIP = b"\x1f\x8b"

# On any system that the archive may have been made for.
ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")
SEPARATOR = re.compile(r"[/\\]")

MOST_BYTES: Final = 64 * 2**20
"""The longest member that is read: CIFAR-10's have 31 MB."""

LONGEST: Final = 256 * 2**20
"""Bytes of an archive without its compression: CIFAR-10's has 184 million."""

LONGEST_HEADERS: Final = 64 * 2**10
"""Bytes in front of a member: 512, and three times that where its name is long."""

MOST_MEMBERS: Final = 1_000
"""CIFAR-10's has nine."""


class Tape:
    """Uncompressed archive, read strictly as far as requested."""

    def __init__(self, file: gzip.GzipFile | io.BufferedReader) -> None:
        self.file = file
        self.left = LONGEST_HEADERS  # bytes that may be read before more are allowed

    def read(self, size: int) -> bytes:
        """Read bytes that are allowed."""
        if size > self.left:
            raise tarfile.TarError("one of its headers is too long")
        self.left -= size
        self._stay_before(self.tell() + size)
        return self.file.read(size)

    def read_on(self) -> bytes:
        """Read some of the rest of the archive; empty at its end."""
        self.left = 2**20
        return self.read(self.left)

    def seek(self, place: int) -> int:
        """Go on elsewhere."""
        self._stay_before(place)
        return self.file.seek(place)

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self.file.tell()

    def _stay_before(self, place: int) -> None:
        if place > LONGEST:
            raise tarfile.TarError(f"it is longer than {LONGEST:,} bytes")


@dataclass(frozen=True)
class Member:
    """A file in the archive at a path, named without its folders."""

    path: Path
    name: str
    _archive: tarfile.TarFile
    _entry: tarfile.TarInfo
    _tape: Tape

    def read(self, most: int = MOST_BYTES) -> bytes:
        """Read all of it, so many bytes at most.

        Only before the next member is taken, as the archive is read once.
        """
        if self._entry.size > most:
            raise damaged(self.path, f"{self.name} has {self._entry.size:,} bytes")
        self._tape.left = self._entry.size
        with _reading(self.path):
            file = self._archive.extractfile(self._entry)
            return file.read() if file is not None else b""


def damaged(path: Path, reason: str) -> DataError:
    """Make the error for an archive that broke off or was changed on its way."""
    return DataError(_sentence(path, reason))


def members(path: Path) -> Iterator[Member]:
    """Go once through the files of a tar archive, plain or compressed by gzip.

    Raises
    ------
    DataError
        If it is not such an archive, is truncated or damaged (the checksum of gzip is compared), or
        holds an entry that could reach outside a folder: a link, a device, or a path with "..".
    """
    with _open(path) as file, _tar(path, tape := Tape(file)) as archive:
        for count in itertools.count():
            tape.left = LONGEST_HEADERS
            with _reading(path):
                entry = archive.next()
            if entry is None:
                break
            if count == MOST_MEMBERS:
                raise damaged(path, f"it holds more than {MOST_MEMBERS:,} files")
            _check(path, entry)
            if entry.isfile():
                yield Member(path, entry.name.rpartition("/")[2], archive, entry, tape)
        with _reading(path):
            while tape.read_on():
                pass


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    refuse_special(path, DataError)
    try:
        with path.open("rb") as file:
            compressed = file.read(len(GZIP)) == GZIP
        return gzip.open(path) if compressed else path.open("rb")
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}. Check the file.") from error


def _tar(path: Path, tape: Tape) -> tarfile.TarFile:
    with _reading(path):
        try:
            return tarfile.open(fileobj=cast("IO[bytes]", tape), mode="r:")
        except tarfile.ReadError as error:
            raise DataError(
                f"{path} is neither a folder nor a tar archive: give a folder with one subfolder "
                "per class, or the CIFAR-10 archive as downloaded, cifar-10-binary.tar.gz."
            ) from error


def _reading(path: Path) -> AbstractContextManager[None]:
    """Turn all that is raised by what is read inside into `damaged`."""
    return blamed_on(path, DataError, lambda reason: _sentence(path, reason))


def _sentence(path: Path, reason: str) -> str:
    return f"{path} is truncated or damaged ({reason}): download the archive again."


def _check(path: Path, entry: tarfile.TarInfo) -> None:
    if ABSOLUTE.match(entry.name) or ".." in SEPARATOR.split(entry.name):
        fault = "whose path leads outside the archive"
    elif entry.issym() or entry.islnk():
        fault = "which is a link"
    elif entry.issparse() or not (entry.isfile() or entry.isdir()):
        fault = "which is neither a regular file nor a folder"
    else:
        return
    raise DataError(
        f"{path} holds {entry.name!r}, {fault}: no published dataset has one, so the archive is "
        "refused. Download it from its publisher."
    )
