"""The pictures that a command line means: files, folders and globs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from vitonnx.errors import UsageError
from vitonnx.filenames import refuse_address
from vitonnx.media._formats import suffixes_read
from vitonnx.media._own import is_own_figure
from vitonnx.media._passed_over import PassedOver

__all__ = ["Notice", "find_picture_names", "find_pictures", "natural_key"]

Notice = Callable[[str], object]
"""Takes a sentence for a person."""

LONGEST_NAME = 4096  # letters, of a path: no system has longer ones, and no message shows them
# In the key that names are sorted by: both come before all letters.
END, NUMBER = "\0", "\1"


def find_pictures(
    inputs: Sequence[str | os.PathLike[str]], *, notice: Notice | None = None
) -> list[Path]:
    """List the pictures that some names stand for.

    Parameters
    ----------
    inputs : sequence of str or Path
        Each a file, a folder, which stands for all pictures in it and in its folders, or a glob
        such as ``holiday/**/*.jpg``. Hidden files and folders are passed over, and so are figures
        that vitonnx drew: the second run in a folder doesn't take up what the first one wrote.
    notice : callable, optional
        Called for every folder and glob with a sentence on skipped files that may look like
        pictures: videos, HEIC if pillow-heif isn't installed, camera raw files and the like.

    Returns
    -------
    list of Path
        Pictures in the order of the inputs, each once; those of a folder or glob in natural order,
        ``frame2`` before ``frame10``. A named file is listed even if it doesn't exist: opening it
        reports that, while the others still succeed.

    Raises
    ------
    UsageError
        If there are no inputs, a folder holds no pictures or can't be read, or a glob matches none.

    Examples
    --------
    >>> [path.name for path in find_pictures(["bird.png"])]
    ['bird.png']
    """
    return [Path(name) for name in find_picture_names(inputs, notice=notice)]


def find_picture_names(
    inputs: Sequence[str | os.PathLike[str]], *, notice: Notice | None = None
) -> list[str]:
    """List what `find_pictures` lists, by name: of a million pictures, a third of the memory.

    Parameters
    ----------
    inputs, notice
        As in `find_pictures`.

    Returns
    -------
    list of str

    Raises
    ------
    UsageError
        As in `find_pictures`.
    """
    names = [os.fspath(name) for name in inputs]
    if not all(names) or not names:
        raise UsageError("no pictures given: give files, folders or globs.")
    return list(dict.fromkeys(found for name in names for found in _expand(name, notice)))


def _expand(name: str, notice: Notice | None) -> list[str]:
    """List the pictures of one input."""
    refuse_address(name)
    if len(name) > LONGEST_NAME:
        raise UsageError(
            f"{name[:40]}… is not a file name: it has {len(name):,} characters. Check the list "
            "that it is from."
        )
    path, passed_over = Path(name), PassedOver()
    try:
        if path.is_dir():
            found, verb = _pictures(_in_folder(path), passed_over), "holds"
        elif any(sign in name for sign in "*?[") and not path.exists():
            found, verb = _pictures(_matches(path), passed_over), "matches"
        else:
            return [str(path)]
    except OSError as error:
        where = error.filename or name
        raise UsageError(f"can't search {where} for pictures: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not a valid glob: {error}.") from error
    pictures = [picture for picture in found if not is_own_figure(Path(picture))]
    if found and not pictures:
        raise UsageError(
            f"{name} {verb} no pictures except figures that vitonnx drew: to use them, name each "
            "one."
        )
    if not pictures:
        others = f"only {passed_over}." if passed_over else "check the name."
        raise UsageError(f"{name} {verb} no pictures in a supported format: {others}")
    if passed_over and notice is not None:
        notice(f"{name}: skipped {passed_over}.")
    return pictures


def _matches(pattern: Path) -> Iterator[Path]:
    """Follow a glob; hidden names match only where the pattern spells them out."""
    for path in Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))):
        if not any(part.startswith(".") for part in set(path.parts) - set(pattern.parts)):
            yield path


def _in_folder(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder, onerror=_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(root, name) for name in files if not name.startswith("."))


def _unreadable(error: OSError) -> NoReturn:
    raise error


def _pictures(paths: Iterable[Path], passed_over: PassedOver) -> list[str]:
    """Keep the names of files with a picture's suffix, in natural order."""
    kept = []
    for path in paths:
        if path.suffix.lower() not in suffixes_read():
            passed_over.add(path)
        elif path.is_file():
            kept.append(str(path))
    return sorted(kept, key=natural_key)


def natural_key(name: str) -> str:
    """Return a key that sorts names by their numbers, and ignores the case of letters.

    The key is one string per name, as lists of parts would take gigabytes for a million names. A
    number is prefixed by its length, and the end of a part or text sorts before anything longer.

    Examples
    --------
    >>> sorted(["a10", "a9b", "a9", "a", "A1"], key=natural_key)
    ['a', 'A1', 'a9', 'a9b', 'a10']
    """
    key = re.sub(r"\d+", _with_length, name.casefold())
    return f"{key.replace(os.sep, END)}{END}{END}{name}"


def _with_length(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"{NUMBER}{chr(len(digits))}{digits}"
