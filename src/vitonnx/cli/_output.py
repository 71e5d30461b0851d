"""Where results go: which files can be written, and what they are called by default."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vitonnx.errors import UsageError, VitonnxError

if TYPE_CHECKING:
    from vitonnx.media import Files

__all__ = [
    "ARRAYS",
    "FIGURES",
    "FIGURE_OR_ARRAYS",
    "check_output",
    "files_of",
    "join_stems",
    "name_figures",
    "settle_output",
]

FIGURES = (".png", ".pdf", ".svg")
ARRAYS = ".npz"
FIGURE_OR_ARRAYS = {"a picture": FIGURES, "raw arrays": (ARRAYS,)}


def check_output(
    output: Path,
    forms: Mapping[str, tuple[str, ...]],
    inputs: Iterable[str | Path] | Files = (),
) -> None:
    """Refuse an impossible output before the work begins.

    Parameters
    ----------
    output : path
        The file.
    forms : mapping of str to tuple of str
        What can be written, in words, and the suffixes that ask for it.
    inputs : iterable of str or path, or Files
        What must not be overwritten.

    Raises
    ------
    UsageError
        If it has no suffix that we write, no folder, or is one of the inputs.
    VitonnxError
        If the system refuses to write in its folder.
    """
    from vitonnx.media import check_writable

    if not any(output.suffix.lower() in suffixes for suffixes in forms.values()):
        known = ", or ".join(
            f"{', '.join(suffixes)} for {what}" for what, suffixes in forms.items()
        )
        raise UsageError(f"{output} can't be written: its suffix must be {known}.")
    check_writable(output, inputs)


def settle_output(
    output: Path | None,
    models: Iterable[str | Path],
    ending: str,
    forms: Mapping[str, tuple[str, ...]],
    inputs: Iterable[str | Path] | Files = (),
) -> Path:
    """Choose the name of the results where none is given, and refuse one that can't be written.

    Parameters
    ----------
    output : path or None
        As it was given.
    models : iterable of str or path
        Their files, which the results are called after; or MODELs of the command line, to know as
        much as can be known before they are looked up, which may take minutes.
    ending : str
        Of a name that we choose, such as ``.distance.png``.
    forms, inputs
        As `check_output` takes them.

    Raises
    ------
    UsageError, VitonnxError
        As `check_output` does.
    """
    from vitonnx.media import Files

    models = list(models)
    chosen = output or Path(f"{join_stems(map(Path, models))}{ending}")
    read = inputs if isinstance(inputs, Files) else Files(inputs)
    check_output(chosen, forms, read | files_of(models))
    return chosen


def name_figures(
    pictures: Sequence[Path], ending: str, models: Iterable[str | Path] = ()
) -> list[Path]:
    """Choose a name here for the figure of each picture, and refuse those that can't be written.

    Parameters
    ----------
    pictures : sequence of path
        All that are probed; of two of one name, the second gets a number.
    models : iterable of str or path
        What is read besides.
    ending : str
        Of the figures' names, such as ``.heads.png``.

    Raises
    ------
    UsageError
        If a figure would replace a picture or a model.
    VitonnxError
        If the system refuses to write here.
    """
    from vitonnx.media import check_writable, first_among

    stems: dict[str, None] = {}
    for picture in pictures:
        stems[free_stem(picture.stem, stems)] = None
    targets = [Path(f"{stem}{ending}") for stem in stems]
    check_writable(targets[0])
    there = [target for target in targets if target.exists()]
    read = [*pictures, *files_of(models)] if there else []  # what isn't there yet is read by nobody
    if (taken := first_among(there, read)) is not None:
        raise UsageError(
            f"{taken} is one of the inputs, and its name is that of a figure to be written: "
            "rename it, or work in another folder."
        )
    return targets


def files_of(models: Iterable[str | Path]) -> list[str | Path]:
    """List what is read of models, with the files beside them that their weights are in."""
    from vitonnx.modelfile import weight_files

    files: list[str | Path] = []
    for model in models:
        files.append(model)
        if Path(model).is_file():
            with suppress(VitonnxError):  # of which whoever opens it speaks
                files += weight_files(Path(model))
    return files


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
