"""A tar as a tape: read once, from its beginning, and no further than its headers allow."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final, cast

from vitonnx.blame import blamed_on
from vitonnx.errors import DataError

__all__ = ["Tape", "members", "reading"]

GZIP = b"\x1f\x8b"
PIECE: Final = 2**20

LONGEST_HEADERS: Final = 2**20
"""Bytes in front of a member: 512, and some thousands where its name is long."""


class Tape:
    """Uncompressed tar, read strictly as far as requested."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, *, can_jump: bool) -> None:
        self._file, self._can_jump = file, can_jump
        self._place = 0
        self.left = LONGEST_HEADERS  # bytes that may be read before more are allowed
        self.last = b""  # what was read last

    def read(self, size: int) -> bytes:
        """Read bytes that are allowed."""
        if not 0 <= size <= self.left:
            raise tarfile.TarError("one of its headers is too long")
        self.left -= size
        self.last = self._file.read(size)
        self._place += len(self.last)
        return self.last

    def content(self, entry: tarfile.TarInfo) -> bytes:
        """Read a whole member; where the tar ends in it, the next one says so."""
        self.seek(entry.offset_data)
        self.left = entry.size
        return self.read(entry.size)

    def seek(self, place: int) -> int:
        """Pass over what is before a place further on."""
        if place < self._place:
            raise tarfile.TarError("one of its headers points backwards")
        if self._can_jump:
            self._file.seek(place)
            self._place = place
        while self._place < place:
            piece = self._file.read(min(PIECE, place - self._place))
            if not piece:
                raise tarfile.TarError("unexpected end of data")
            self._place += len(piece)
        return self._place

    def finish(self) -> None:
        """Read what fills the last record, so that gzip compares its checksum."""
        self._file.read(PIECE)

    def tell(self) -> int:
        """Return the position of the next byte."""
        return self._place


def members(
    file: IO[bytes], name: str, *, can_jump: bool
) -> Iterator[tuple[tarfile.TarInfo, Tape]]:
    """Go once through the members of a tar, plain or compressed by gzip.

    Parameters
    ----------
    file : file
        Opened, and closed by whoever opened it.
    name : str
        How messages name it.
    can_jump : bool
        Whether to pass over a member costs nothing.

    Yields
    ------
    TarInfo, Tape
        Whose `content` reads this member, and none before it.

    Raises
    ------
    DataError
        If it isn't a tar, or is truncated or damaged: also where it ends without the mark that
        every tar has at its end.
    """
    with reading(name):
        buffered: Any = file if hasattr(file, "peek") else io.BufferedReader(cast("Any", file))
        packed = buffered.peek(len(GZIP))[: len(GZIP)] == GZIP
        source = gzip.GzipFile(fileobj=buffered) if packed else buffered
        tape = Tape(source, can_jump=can_jump and not packed)
        try:
            archive: Any = tarfile.TarFile(fileobj=cast("IO[bytes]", tape))
        except tarfile.ReadError as error:
            if str(error) == "empty file" and not tape.tell():
                raise DataError(f"{name} is empty (0 bytes): download or copy it again.") from error
            raise DataError(
                f"{name} is not a tar archive ({error}): give a tar, plain or compressed by gzip."
            ) from error
    while True:
        tape.left = LONGEST_HEADERS
        with reading(name):
            entry = archive.next()
            archive.members.clear()  # or it would remember all of them
            if entry is None and tape.last != tarfile.NUL * tarfile.BLOCKSIZE:
                raise tarfile.TarError("its end is missing, or a header is damaged")
        if entry is None:
            with reading(name):
                tape.finish()
            return
        yield entry, tape


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn all that is raised by what is read inside into a sentence about the tar."""
    sentence = f"{name} is truncated or damaged"
    with blamed_on(name, DataError, lambda why: f"{sentence} ({why}): download or copy it again."):
        yield
