"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from vitonnx.errors import UsageError, VitonnxError
from vitonnx.filenames import refuse_address
from vitonnx.media._passing import passing_folder
from vitonnx.media._same import Files, first_among
from vitonnx.regular import special_kind

__all__ = [
    "atomic_path",
    "atomic_with_companions",
    "atomic_with_partial",
    "check_writable",
    "explained",
    "partial_of",
    "reason",
]

FULL = {errno.ENOSPC, errno.EDQUOT}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
# What fails in the middle of a file; the system then names none.
UNNAMED = {*FULL, errno.EFBIG, errno.EIO, errno.EROFS}


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Write a file under a passing name, and give it its own name when it is whole.

    Any failure inside the block, including Ctrl-C, leaves the previous content of `path` in place.

    Parameters
    ----------
    path : str or Path
        The file to write; its folder must be there. What a symbolic link points to is replaced,
        not the link.

    Yields
    ------
    Path
        Path of the same name, in a temporary folder beside it; the block must write it.

    Raises
    ------
    UsageError
        If the folder is missing, or something other than a file has the name.
    VitonnxError
        If the system refuses to write: no permission, a full disk.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_path(Path(folder) / "note.txt") as passing:
    ...         _ = passing.write_text("whole")
    ...     (Path(folder) / "note.txt").read_text()
    'whole'
    """
    with _passing(path) as (passing, target), explained(path, passing):
        yield passing
        passing.replace(target)


def partial_of(path: str | Path) -> Path:
    """Return the path that an interrupted `atomic_with_partial` leaves.

    Examples
    --------
    >>> partial_of("videos/walk.mp4").name
    'walk.partial.mp4'
    """
    path = Path(path)
    return path.with_suffix(f".partial{path.suffix}")


@contextmanager
def atomic_with_partial(path: str | Path) -> Iterator[Path]:
    """Like `atomic_path`, but keep an unfinished file: Ctrl-C leaves ``NAME.partial.mp4``.

    Parameters
    ----------
    path : str or Path
        The file to write, ``NAME.mp4`` or of any other suffix.

    Yields
    ------
    Path
        As in `atomic_path`. On Ctrl-C, the writer must leave the file complete in itself, or not at
        all.

    Raises
    ------
    UsageError, VitonnxError
        As in `atomic_path`.
    KeyboardInterrupt
        With a note that names the partial file, if there is one.
    """
    with atomic_path(path) as passing:
        try:
            yield passing
        except KeyboardInterrupt as interrupt:
            if passing.exists():
                partial = partial_of(path)
                passing.replace(partial)
                interrupt.add_note(f"what was done until then is in {partial}.")
            raise


@contextmanager
def atomic_with_companions(path: str | Path) -> Iterator[Path]:
    """Like `atomic_path`, for a file with companions beside it, such as its large weights.

    Parameters
    ----------
    path : str or Path
        The file to write.

    Yields
    ------
    Path
        Path of that name, in a temporary folder; other files that the block writes beside it are
        moved first, so that the file never appears without its companions.

    Raises
    ------
    UsageError, VitonnxError
        As in `atomic_path`.
    """
    with _passing(path) as (passing, target), explained(path, passing.parent):
        yield passing
        for file in sorted(passing.parent.iterdir(), key=lambda file: file == passing):
            file.replace(target.with_name(file.name))


def check_writable(path: str | Path, inputs: Iterable[str | Path] | Files = ()) -> Path:
    """Check that a file can be written, as long as nothing has been done for it yet.

    Parameters
    ----------
    path : str or Path
        The file to write, or to replace.
    inputs : iterable of str or Path, or Files
        Files that are read and must not be replaced.

    Returns
    -------
    Path
        The path with all links resolved.

    Raises
    ------
    UsageError
        If its folder is missing, something other than a file has its name, or it is an input.
    VitonnxError
        If the system refuses to write in its folder.
    """
    with _refused(path):
        target = _target(path)
        if first_among([target], inputs) is not None:
            raise UsageError(
                f"can't write {path}: it is one of the inputs, which would be lost. Write "
                "elsewhere."
            )
        with passing_folder(target.parent):
            pass
    return target


@contextmanager
def _passing(path: str | Path) -> Iterator[tuple[Path, Path]]:
    """Return a file's temporary path and its final one, with all links resolved.

    Making the temporary folder proves that the file can be written: saving checks only once.
    """
    with ExitStack() as stack:
        with _refused(path):
            target = _target(path)
            folder = stack.enter_context(passing_folder(target.parent))
        yield folder / target.name, target


def _target(path: str | Path) -> Path:
    """Find the file to write behind all links, unless something is in the way."""
    refuse_address(os.fspath(path))
    target = Path(os.path.realpath(path))
    kind = _kind(path)
    if kind is not None:
        raise UsageError(f"can't write {path}: it is {kind}. Give a file name.")
    if not target.parent.is_dir():
        raise UsageError(
            f"can't write {path}: the folder {target.parent} does not exist. Make it first, or "
            "give another file."
        )
    return target


@contextmanager
def _refused(path: str | Path) -> Iterator[None]:
    """Turn any refusal of the system into an error on writing `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise VitonnxError(f"can't write {path}: {reason(error)}.") from error


def _kind(path: str | Path) -> str | None:
    """Describe what is in the way of a file; None if nothing, or a file to replace."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - any path, as it is
    except FileNotFoundError:
        return None
    if stat.S_ISREG(mode):
        return None
    return "a folder" if stat.S_ISDIR(mode) else special_kind(mode) or "not a regular file"


@contextmanager
def explained(path: str | Path, passing: str | Path) -> Iterator[None]:
    """Turn a refusal of the system that concerns `path` into an error on writing it."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            ours = error.errno in UNNAMED
        else:
            # A copy that fails names what it reads first, and then what it writes.
            named = (str(error.filename), str(error.filename2))
            ours = any(name.startswith(str(passing)) for name in named)
        if not ours:
            raise
        raise VitonnxError(f"can't write {path}: {reason(error)}.") from error


def reason(error: OSError | ValueError) -> str:
    """Describe a refusal of the system, and what to do about it."""
    if isinstance(error, ValueError):
        return "its name holds a NUL character; give another one"
    if error.errno in FULL:
        return "the disk is full; free some space, or write elsewhere"
    if error.errno in FORBIDDEN:
        return "permission denied in its folder; write elsewhere"
    return error.strerror or str(error)
