"""Folders that are there whole or not at all, and written again over nothing but themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.filenames import refuse_address
from vitonnx.media._atomic import explained, reason
from vitonnx.media._passing import passing_folder

__all__ = ["atomic_folder", "check_folder", "check_place"]


@contextmanager
def atomic_folder(path: str | Path, *, record: str) -> Iterator[Path]:
    """Write a folder under a passing name, and give it its own name when it is whole.

    Any failure inside the block, including Ctrl-C, leaves the previous content of `path` in place.
    A list of the block's files is stored with them, so that the folder can be written again: that
    replaces the files of the list and no others.

    Parameters
    ----------
    path : str or Path
        The folder: one that isn't there, is empty, or was written by this function before.
    record : str
        The list's file name.

    Yields
    ------
    Path
        An empty folder to fill.

    Raises
    ------
    UsageError
        If it holds files that vitonnx didn't write, or a file has its name.
    VitonnxError
        If the system refuses to write: no permission, a full disk.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as home:
    ...     with atomic_folder(Path(home) / "notes", record=".ours") as passing:
    ...         _ = (passing / "note.txt").write_text("whole")
    ...     sorted(file.name for file in (Path(home) / "notes").iterdir())
    ['.ours', 'note.txt']
    """
    old = check_folder(path, record=record)
    target = Path(os.path.realpath(path))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # In a folder that exists already: its parent may belong to another user.
        home = target if target.is_dir() else target.parent
    except OSError as error:
        raise VitonnxError(f"can't write {path}: {reason(error)}.") from error
    with passing_folder(home) as passing, explained(path, passing):
        made = passing / target.name
        made.mkdir()
        yield made
        files = (file for file in made.rglob("*") if not file.is_dir())
        new = sorted(file.relative_to(made).as_posix() for file in files)
        (made / record).write_text("\n".join([*new, ""]), encoding="utf-8")
        if target.is_dir():
            _check_way(target, new, old)
            for name in [record, *new]:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (made / name).replace(target / name)
            for name in old - {*new}:
                (target / name).unlink(missing_ok=True)
        else:
            made.rename(target)


def check_folder(path: str | Path, *, record: str) -> set[str]:
    """Check that a folder can be written, as long as nothing has been done for it yet.

    Parameters
    ----------
    path, record
        As in `atomic_folder`.

    Returns
    -------
    set of str
        The files in it that may be replaced.

    Raises
    ------
    UsageError, VitonnxError
        As in `atomic_folder`.
    """
    folder = Path(path)
    check_place(folder)
    try:
        if (folder / record).is_file():
            return _read(folder, record)
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(
                f"{path} holds files that vitonnx didn't write, which would be lost: give a new "
                "or empty folder."
            )
    except OSError as error:
        raise VitonnxError(f"can't write {path}: {reason(error)}.") from error
    return set()


def check_place(folder: Path) -> None:
    """Check that a folder, or one that will be made there, can be written.

    Raises
    ------
    UsageError
        If a file has its name, or that of a folder around it.
    VitonnxError
        If the system refuses to write there.
    """
    refuse_address(str(folder))
    try:
        here = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if not here.is_dir():
            raise UsageError(
                f"can't make the folder {folder}: a file is in its way. Give another one."
            )
        with passing_folder(here):
            pass
    except OSError as error:
        raise VitonnxError(f"can't write {folder}: {reason(error)}.") from error


def _read(folder: Path, record: str) -> set[str]:
    """Read the list, which may be forged: paths outside the folder are ignored."""
    inside = folder.resolve()
    names = (folder / record).read_text(encoding="utf-8", errors="replace").splitlines()
    return {
        name
        for name in names
        if (folder / name).is_file() and (folder / name).resolve().is_relative_to(inside)
    }


def _check_way(target: Path, new: list[str], old: set[str]) -> None:
    """Refuse to replace what the list doesn't name."""
    for name in new:
        place = target / name
        around = [parent for parent in place.parents if parent.is_relative_to(target)]
        if (place.exists() and name not in old) or not all(
            parent.is_dir() for parent in around if parent.exists()
        ):
            raise UsageError(
                f"{place} would be replaced, but vitonnx didn't write it: move it away, or give "
                "another folder."
            )
