"""Folders that are there whole or not at all, and written again over nothing but themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media._atomic import explained, reason
from vitonnx.media._passing import passing_folder

__all__ = ["atomic_folder", "check_folder", "check_place"]


@contextmanager
def atomic_folder(path: str | Path, *, record: str) -> Iterator[Path]:
    """Write a folder under a passing name, and give it its own name when it is whole.

    Whatever goes wrong inside the block, Ctrl-C too, leaves what stood at `path` before. Beside
    the files of the block lies a list of them: with it the folder can be written again, which
    replaces the files of the list and nothing else.

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
        If it holds files of somebody else's, or a file has its name.
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
        # In a folder that is there already: the one around it may belong to somebody else.
        home = target if target.is_dir() else target.parent
    except OSError as error:
        raise VitonnxError(f"{path} can't be written: {reason(error)}.") from error
    with passing_folder(home) as passing, explained(path, passing):
        made = passing / target.name
        made.mkdir()
        yield made
        new = sorted(_files(made))
        (made / record).write_text("\n".join([*new, ""]), encoding="utf-8")
        if target.is_dir():
            _check_way(target, new, old)
            _replace(made, target, [record, *new])
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
        As `atomic_folder`.
    """
    folder = Path(path)
    check_place(folder)
    try:
        if (folder / record).is_file():
            return _read(folder, record)
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(
                f"{path} holds files that vitonnx didn't write there, and none of them shall be "
                "lost: give a new folder, or an empty one."
            )
    except OSError as error:
        raise VitonnxError(f"{path} can't be written: {reason(error)}.") from error
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
    try:
        here = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if not here.is_dir():
            raise UsageError(
                f"{folder} can't be a folder, as a file is in its way: give another one."
            )
        with passing_folder(here):
            pass
    except OSError as error:
        raise VitonnxError(f"{folder} can't be written: {reason(error)}.") from error


def _read(folder: Path, record: str) -> set[str]:
    """Read the list, which may come from elsewhere: what lies outside the folder isn't in it."""
    inside = folder.resolve()
    names = (folder / record).read_text(encoding="utf-8", errors="replace").splitlines()
    return {
        name
        for name in names
        if (folder / name).is_file() and (folder / name).resolve().is_relative_to(inside)
    }


def _files(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*") if not file.is_dir()]


def _check_way(target: Path, new: list[str], old: set[str]) -> None:
    """Refuse to replace what the list doesn't name."""
    for name in new:
        place = target / name
        around = [parent for parent in place.parents if parent.is_relative_to(target)]
        if (place.exists() and name not in old) or not all(
            parent.is_dir() for parent in around if parent.exists()
        ):
            raise UsageError(
                f"{place} would be replaced, and vitonnx didn't write it: move it away, or give "
                "another folder."
            )


def _replace(made: Path, target: Path, names: list[str]) -> None:
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).replace(target / name)
