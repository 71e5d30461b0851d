"""Limits of a checkpoint and its archive: enough for any ViT, too little to exhaust a machine."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Final
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from vitonnx.errors import CheckpointError
from vitonnx.models._brief import brief
from vitonnx.models.checkpoints._stored_tensor import Contents
from vitonnx.models.checkpoints._wrappers import of_training

__all__ = ["check_contents", "check_growth", "open_zip", "read_member"]

MOST_ARRAYS: Final = 2**14
"""A full checkpoint of ViT-B, with two models and an optimizer, has 600; the largest some 4,000."""

LONGEST_NAME: Final = 256
"""Letters of an array's name, or of a key that leads to it: published ones have up to 100."""

MOST_AXES: Final = 8
"""The convolution of a patch embedding has four; blocks on top of each other add one."""

MOST_GROWTH: Final = 20
"""Weights hardly compress; half precision doubles, and shared blocks take their number times."""

SMALL: Final = 64 * 2**20
"""Bytes that are no harm, whatever they grew from: small models of zeros are compressed well."""

MOST_MEMBERS: Final = 2 * MOST_ARRAYS
"""A member for each array, and what formats have beside them."""


def check_contents(path: Path, contents: Contents) -> None:
    """Refuse more arrays, or longer names of a model's, than any checkpoint has.

    Entries of training are only counted: Lightning uses paths of files as names there.
    """
    advice = "save only the model's state_dict, and give that file."
    count = sum(map(len, contents.values()))
    if count > MOST_ARRAYS:
        raise CheckpointError(
            f"{path} holds {count:,} arrays, but no ViT needs more than {MOST_ARRAYS:,}: {advice}"
        )
    for keys, group in contents.items():
        if of_training(keys):
            # Messages name what it lies under, and nothing behind.
            keys, group = tuple(takewhile(lambda key: not of_training([key]), keys)), {}
        for name in (*keys, *group):
            if len(name) > LONGEST_NAME or not name.isprintable():
                raise CheckpointError(
                    f"{path} has {brief(name)} among its names, but names must be printable and "
                    f"have at most {LONGEST_NAME} characters: {advice}"
                )
        for name, tensor in group.items():
            if len(tensor.shape) > MOST_AXES:
                raise CheckpointError(
                    f"{path} has {brief(name)} with {len(tensor.shape)} axes, but no array of a "
                    f"ViT has more than {MOST_AXES}: {advice}"
                )


def check_growth(label: str, length: int, needed: int) -> None:
    """Refuse files whose arrays would expand to many times the files' own length, both in bytes."""
    if needed > max(SMALL, MOST_GROWTH * length):
        raise CheckpointError(
            f"{label} has {length:,} bytes that would expand to {needed:,}, as if made to exhaust "
            "memory, so it is refused. Save the weights without compression, each array on its "
            "own, and give that file."
        )


def open_zip(path: Path) -> ZipFile:
    """Open the zip archive that a ``.pth`` or ``.npz`` file is, and believe no length in it.

    A CheckpointError says that its members would grow as no weights do; a BadZipFile, that it is
    not an archive, is damaged, or is packed as neither PyTorch nor NumPy do it.
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
