"""Read a tar archive's files into memory, with nothing of it ever written to the disk."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vitonnx.errors import DataError

__all__ = ["Member", "damaged", "members"]

GZIP = b"\x1f\x8b"

# On any system that the archive may have been made for.
ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:")
SEPARATOR = re.compile(r"[/\\]")

MOST_BYTES: Final = 64 * 2**20
"""The longest member that is read: the longest of CIFAR-10 has 31 MB."""

# ValueError: what tarfile itself trips over in garbled headers.
ARCHIVE_ERRORS: Final = (
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
)


@dataclass(frozen=True)
class Member:
    """A file in an archive.

    Parameters
    ----------
    path : Path
        The archive's.
    name : str
        Its own, without the folders.
    """

    path: Path
    name: str
    _archive: tarfile.TarFile
    _entry: tarfile.TarInfo

    def read(self) -> bytes:
        """Read all of it; only before the next member is taken, as the archive is read once."""
        if self._entry.size > MOST_BYTES:
            raise damaged(self.path, f"{self.name} has {self._entry.size:,} bytes")
        with _reading(self.path):
            file = self._archive.extractfile(self._entry)
            return file.read() if file is not None else b""


def damaged(path: Path, reason: object) -> DataError:
    """Make the error for an archive that broke off or was changed on its way."""
    return DataError(f"{path} is truncated or damaged ({reason}): fetch the archive again.")


def members(path: Path) -> Iterator[Member]:
    """Go once through the files of a tar archive, plain or compressed by gzip.

    Parameters
    ----------
    path : Path
        An existing file.

    Yields
    ------
    Member

    Raises
    ------
    DataError
        If it is no such archive, is truncated or damaged (the checksum of gzip is compared), or
        holds what could reach out of a folder: a link, a device, or a path that climbs.
    """
    with _open(path) as file, _tar(path, file) as archive:
        while True:
            with _reading(path):
                entry = archive.next()
            if entry is None:
                break
            _check(path, entry)
            if entry.isfile():
                yield Member(path, entry.name.rpartition("/")[2], archive, entry)
        with _reading(path):
            while file.read(2**20):
                pass


def _open(path: Path) -> gzip.GzipFile | io.BufferedReader:
    try:
        with path.open("rb") as file:
            compressed = file.read(len(GZIP)) == GZIP
        return gzip.open(path) if compressed else path.open("rb")
    except OSError as error:
        raise DataError(f"{path} can't be read ({error.strerror}): check the file.") from error


def _tar(path: Path, file: gzip.GzipFile | io.BufferedReader) -> tarfile.TarFile:
    with _reading(path):
        try:
            return tarfile.open(fileobj=file, mode="r:")
        except tarfile.ReadError as error:
            raise DataError(
                f"{path} is neither a folder nor a tar archive: give a folder of class folders, or "
                "CIFAR-10's archive as it was fetched, such as cifar-10-python.tar.gz."
            ) from error


def _check(path: Path, entry: tarfile.TarInfo) -> None:
    if ABSOLUTE.match(entry.name) or ".." in SEPARATOR.split(entry.name):
        fault = "whose path leads out of the archive"
    elif entry.issym() or entry.islnk():
        fault = "which is a link"
    elif not (entry.isfile() or entry.isdir()):
        fault = "which is neither a file nor a folder"
    else:
        return
    raise DataError(
        f"{path} holds {entry.name!r}, {fault}: no published data set has that, so nothing of it "
        "is read. Fetch the archive from its publisher."
    )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except ARCHIVE_ERRORS as error:
        raise damaged(path, str(error) or type(error).__name__) from error
