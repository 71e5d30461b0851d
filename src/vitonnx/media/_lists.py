"""Text files that list pictures."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from vitonnx.blame import why_unopened
from vitonnx.errors import UsageError
from vitonnx.filenames import refuse_address
from vitonnx.regular import refuse_special

__all__ = ["read_lists"]

# Ten million names of a hundred letters: what is longer was meant for something else.
MOST_BYTES = 10**9

# The longer ones first: the mark of UTF-32 begins with that of UTF-16. Windows writes the latter.
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    codecs.BOM_UTF8: "UTF-8-sig",
}


def read_lists(inputs: Iterable[str | os.PathLike[str]]) -> Iterator[str]:
    """Put the names that a list holds in its place.

    Parameters
    ----------
    inputs : iterable of str or Path
        ``@list`` and ``list.txt`` stand for the names in that file, one a line, relative to the
        current folder as ``find`` prints them; empty lines are passed over. A list is in UTF-8,
        or in UTF-16 or UTF-32 with a mark at its start. All others stay.

    Yields
    ------
    str
        Names as for `find_pictures`.

    Raises
    ------
    UsageError
        If a list can't be read, or holds no names.

    Examples
    --------
    >>> list(read_lists(["bird.png", "holiday/"]))
    ['bird.png', 'holiday/']
    """
    for given in inputs:
        name = os.fspath(given)
        if name.startswith("@") and not Path(name).exists():
            yield from _names(name[1:])
        elif name.lower().endswith(".txt") and not Path(name).is_dir():
            yield from _names(name)
        else:
            yield name


def _names(file: str) -> list[str]:
    refuse_address(file)
    refuse_special(file, UsageError)
    try:
        size = Path(file).stat().st_size
        large = size > MOST_BYTES
        # What the system makes up as it is read has no size, and may have no end.
        content = Path(file).read_bytes() if 0 < size <= MOST_BYTES else b""
    except FileNotFoundError as error:
        raise UsageError(f"There is no list of pictures {file}: check the name.") from error
    except (OSError, ValueError) as error:
        why = why_unopened(error)
        raise UsageError(f"can't read {file} as a list of pictures: {why}.") from error
    if large:
        raise UsageError(
            f"{file} has more than {MOST_BYTES:,} bytes, so it is not a list of pictures: check "
            "the name, or give the folder of the pictures."
        )
    text = _decoded(content, file)
    names = [line for line in text.split("\n") if line]
    if not names:
        raise UsageError(f"{file} lists no pictures: write one name per line.")
    return names


def _decoded(content: bytes, file: str) -> str:
    """Read text in UTF-8, or in what the mark at its start says."""
    marked = next((name for mark, name in MARKS.items() if content.startswith(mark)), "UTF-8")
    # Names that are no UTF-8 must come back as they are on the disk.
    errors = "surrogateescape" if marked.startswith("UTF-8") else "strict"
    try:
        text = content.decode(marked, errors)
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is marked as {marked}, but isn't: save it as UTF-8.") from error
    if "\0" in text:
        raise UsageError(
            f"{file} is not a list of pictures, or it is in UTF-16 without a byte order mark: "
            "save it as UTF-8."
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")
