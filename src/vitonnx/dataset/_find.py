"""What a word of the command line stands for: pictures, tars or parquet files, here or at URLs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vitonnx.dataset._tape import members
from vitonnx.dataset._unpack import is_of_sample
from vitonnx.errors import DataError, UsageError
from vitonnx.media import Notice, find_picture_names, may_be_picture, natural_key
from vitonnx.places import Local, Place, Remote, is_address, parts_of

__all__ = ["Pictures", "find", "holds_samples", "is_table", "is_tar", "stem_of"]

TARS = (".tar.gz", ".tar", ".tgz")
TABLES = (".parquet",)
SIGNS = "*?["  # of a glob


@dataclass(frozen=True)
class Pictures:
    """Names of picture files, and the folder that their ids are relative to."""

    names: list[str]
    root: str = ""


def is_tar(name: str) -> bool:
    """Tell whether a name is that of a tar."""
    return name.lower().endswith(TARS)


def is_table(name: str) -> bool:
    """Tell whether a name is that of a parquet file."""
    return name.lower().endswith(TABLES)


def holds_samples(word: str) -> bool:
    """Tell whether a word stands for tars of samples, for parquet or for a URL.

    A tar is looked into, as it may be anything else: its first file is one of a sample.
    """
    if is_address(word) or is_table(word):
        return True
    path = Path(word)
    if path.is_dir():
        return _holds_holders(path)
    if not is_tar(word) or not path.exists():
        return is_tar(word)
    try:
        with Local(word).stream() as file:
            entries = members(file, Local(word).name, can_jump=True)
            first = next((entry for entry, _ in entries if not entry.isdir()), None)
    except DataError:
        return False
    return first is not None and is_of_sample(first.name)


def _holds_holders(folder: Path) -> bool:
    """Tell whether tars or parquet files are in a folder, and no folders, the classes."""
    try:
        inside = [each for each in folder.iterdir() if not each.name.startswith(".")]
    except OSError:
        return False  # Whoever opens it says what is wrong with it.
    return any(_holds_pictures(each.name) for each in inside) and not any(map(Path.is_dir, inside))


def stem_of(file_name: str) -> str:
    """Give the name of a tar or parquet file without its suffix.

    Examples
    --------
    >>> stem_of("train-000.tar.gz"), stem_of("val.2.parquet")
    ('train-000', 'val.2')
    """
    suffix = next((each for each in (*TARS, *TABLES) if file_name.lower().endswith(each)), "")
    return file_name[: len(file_name) - len(suffix)]


def find(word: str, notice: Notice | None) -> Pictures | list[Place]:
    """Find the pictures that a word stands for, or the files that hold them.

    Raises
    ------
    UsageError
        If there are none.
    DataError
        If a tar or parquet file doesn't exist, or a URL can't be looked at.
    """
    if is_address(word):
        return _find_elsewhere(word)
    path = Path(word)
    is_folder = path.is_dir()
    if not is_folder and not (any(sign in word for sign in SIGNS) and not path.exists()):
        if not _holds_pictures(word):
            return Pictures(find_picture_names([word], notice=notice))
        if not path.exists():
            raise DataError(f"{Local(word).name} does not exist: check the name and the folder.")
        return [Local(word)]
    try:
        names = find_picture_names([word], notice=notice)
    except UsageError:
        holders = _holders(_files_in(path) if is_folder else _matches(path))
        if not holders:
            raise
        return [Local(name) for name in _of_one_kind(holders, word)]
    return Pictures(names, word if is_folder else _fixed_folder(word))


def _find_elsewhere(address: str) -> Pictures | list[Place]:
    """Find what a URL stands for: a file, a folder, or a glob."""
    place = Remote(address)
    path = parts_of(address)[2]
    if not place.is_glob:
        if _holds_pictures(path):
            return [place]
        if may_be_picture(PurePosixPath(path).suffix) or not place.is_folder():
            return Pictures([address])
        folder, found = place, list(place.files())
    else:
        folder, found = place.matches()
    pictures = [each for each in found if may_be_picture(PurePosixPath(each).suffix)]
    if pictures:
        names = [folder.child(each).address for each in sorted(pictures, key=natural_key)]
        return Pictures(names, folder.address)
    holders = _of_one_kind(_holders(found), place.name)
    if not holders:
        raise UsageError(f"{place.name} has no pictures, tars or parquet files: check the address.")
    return [folder.child(each) for each in holders]


def _holds_pictures(name: str) -> bool:
    return is_tar(name) or is_table(name)


def _holders(names: Iterable[str]) -> list[str]:
    return sorted(filter(_holds_pictures, names), key=natural_key)


def _of_one_kind(holders: list[str], word: str) -> list[str]:
    """Refuse tars beside parquet files, which may be the same pictures twice."""
    if any(map(is_tar, holders)) and any(map(is_table, holders)):
        raise UsageError(
            f"{word} has both tars and parquet files: choose with a glob, such as '*.tar'."
        )
    return holders


def _files_in(folder: Path) -> Iterator[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (str(Path(root, name)) for name in files if not name.startswith("."))


def _matches(pattern: Path) -> Iterator[str]:
    for path in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))):
        if path.is_file() and not path.name.startswith("."):
            yield str(path)


def _fixed_folder(pattern: str) -> str:
    """Give the folder of a glob that no sign is in."""
    parts = Path(pattern).parts
    signs = [number for number, part in enumerate(parts) if any(sign in part for sign in SIGNS)]
    return str(Path(*parts[: signs[0]]))
