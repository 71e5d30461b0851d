"""Where results go: which files can be written, and what they are called by default."""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from pathlib import Path

from vitonnx.errors import UsageError

__all__ = ["ARRAYS", "FIGURES", "check_output", "free_stem"]

FIGURES = (".png", ".pdf", ".svg")
ARRAYS = ".npz"


def check_output(output: Path | None, inputs: Sequence[Path] = ()) -> None:
    """Refuse an impossible output before the work begins.

    Parameters
    ----------
    output : path or None
        None means files of names that we choose.
    inputs : sequence of path
        The pictures, which must not be overwritten.

    Raises
    ------
    UsageError
        If it has no suffix that we write, no folder, or is one of the inputs.
    """
    if output is None:
        return
    if output.suffix.lower() not in (*FIGURES, ARRAYS):
        raise UsageError(
            f"{output} has no suffix that says what to write: use "
            f"{', '.join(FIGURES)} for a picture, or {ARRAYS} for raw arrays."
        )
    if not output.absolute().parent.is_dir():
        raise UsageError(f"The folder {output.absolute().parent} does not exist: make it first.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder: give the file to write.")
    if output.exists() and any(file.exists() and output.samefile(file) for file in inputs):
        raise UsageError(f"{output} is one of the pictures, which would be lost: write elsewhere.")


def free_stem(stem: str, taken: Container[str]) -> str:
    """Add a number to a name that is taken: two pictures of one name are two files.

    Examples
    --------
    >>> free_stem("bird", {"bird", "bird-2"})
    'bird-3'
    """
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([stem], numbered) if name not in taken)
