"""Where results go: which files can be written, and what they are called by default."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from vitonnx.errors import UsageError

__all__ = ["ARRAYS", "FIGURES", "FIGURE_OR_ARRAYS", "check_output", "free_stem", "join_stems"]

FIGURES = (".png", ".pdf", ".svg")
ARRAYS = ".npz"
FIGURE_OR_ARRAYS = {"a picture": FIGURES, "raw arrays": (ARRAYS,)}


def check_output(
    output: Path | None, forms: Mapping[str, tuple[str, ...]], inputs: Iterable[str | Path] = ()
) -> None:
    """Refuse an impossible output before the work begins.

    Parameters
    ----------
    output : path or None
        None means files of names that we choose.
    forms : mapping of str to tuple of str
        What can be written, in words, and the suffixes that ask for it.
    inputs : iterable of str or path
        What must not be overwritten.

    Raises
    ------
    UsageError
        If it has no suffix that we write, no folder, or is one of the inputs.
    VitonnxError
        If the system refuses to write in its folder.
    """
    if output is None:
        return
    from vitonnx.media import check_writable

    if not any(output.suffix.lower() in suffixes for suffixes in forms.values()):
        known = ", or ".join(
            f"{', '.join(suffixes)} for {what}" for what, suffixes in forms.items()
        )
        raise UsageError(f"{output} can't be written: its suffix must be {known}.")
    check_writable(output, inputs)


def free_stem(stem: str, taken: Container[str]) -> str:
    """Add a number to a name that is taken: two pictures of one name are two files.

    Examples
    --------
    >>> free_stem("bird", {"bird", "bird-2"})
    'bird-3'
    """
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([stem], numbered) if name not in taken)


def join_stems(files: Iterable[Path]) -> str:
    """Call a file after the models that it is about.

    Examples
    --------
    >>> join_stems([Path("deit.onnx"), Path("models/dino.onnx")])
    'deit-dino'
    """
    return "-".join(file.stem for file in files)
