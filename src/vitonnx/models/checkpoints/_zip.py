"""Open the zip archives that ``.pth`` and ``.npz`` files are, and believe no length in them."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from vitonnx.models.checkpoints._bounds import MOST_ARRAYS, check_growth

__all__ = ["open_zip", "read_member"]

MOST_MEMBERS: Final = 2 * MOST_ARRAYS
"""A member for each array, and what formats have beside them."""


def open_zip(path: Path) -> ZipFile:
    """Open an archive, if nothing in it takes more room than the archive explains.

    Raises
    ------
    CheckpointError
        If its members would grow as no weights do.
    BadZipFile
        If it is not an archive, is damaged, or is packed as neither PyTorch nor NumPy do it.
    """
    archive = ZipFile(path)
    try:
        _check(archive, path)
    except BaseException:
        archive.close()
        raise
    return archive


def read_member(archive: ZipFile, name: str, start: int = 0, length: int | None = None) -> bytes:
    """Read a member, or a part of it, or raise if it isn't all there."""
    if length is None:
        length = archive.getinfo(name).file_size - start
    with archive.open(name) as member:
        member.seek(start)
        # A length is always given: without one, all is unpacked before it is counted.
        content = member.read(length)
    if len(content) < length:
        raise BadZipFile(f"{name} has less than {start + length:,} bytes")
    return content


def _check(archive: ZipFile, path: Path) -> None:
    members, length = archive.infolist(), path.stat().st_size
    if len(members) > MOST_MEMBERS:
        raise BadZipFile(f"it has {len(members):,} members")
    if len({member.filename for member in members}) < len(members):
        raise BadZipFile("two of its members share a name")
    for member in members:
        # Others are unpacked whole, whatever length is asked for.
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise BadZipFile(f"{member.filename} is compressed, as in no checkpoint")
        if member.compress_type == ZIP_STORED and member.compress_size != member.file_size:
            raise BadZipFile(f"{member.filename} has two lengths")
    if sum(member.compress_size for member in members) > length:
        raise BadZipFile("its members are longer than the whole file")
    check_growth(str(path), length, sum(member.file_size for member in members))
