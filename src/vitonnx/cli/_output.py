"""Output files: which can be written, and their default names."""

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
        File to write.
    forms : mapping of str to tuple of str
        Kinds of output in words, and the suffixes of each.
    inputs : iterable of str or path, or Files
        Files that must not be overwritten.

    Raises
    ------
    UsageError
        If its suffix is unknown, its folder doesn't exist, or it is one of the inputs.
    VitonnxError
        If the system refuses to write to its folder.
    """
    from vitonnx.media import check_writable

    if not any(output.suffix.lower() in suffixes for suffixes in forms.values()):
        known = ", or ".join(
            f"{', '.join(suffixes)} for {what}" for what, suffixes in forms.items()
        )
        raise UsageError(f"can't write {output}: its suffix must be {known}.")
    check_writable(output, inputs)


def settle_output(
    output: Path | None,
    models: Iterable[str | Path],
    ending: str,
    forms: Mapping[str, tuple[str, ...]],
    inputs: Iterable[str | Path] | Files = (),
) -> Path:
    """Choose a name for the output if none is given, and refuse one that can't be written.

    Parameters
    ----------
    output : path or None
        File as given.
    models : iterable of str or path
        Files of the models, which the output is named after; or MODELs of the command line, to
        check what can be checked before they are resolved, which may take minutes.
    ending : str
        Ending of the default name, such as ``.distance.png``.
    forms, inputs
        As in `check_output`.

    Raises
    ------
    UsageError, VitonnxError
        As in `check_output`.
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
    """Name the figure of each picture, in the current folder; refuse names that can't be written.

    Parameters
    ----------
    pictures : sequence of path
        Pictures to probe; where two share a name, the second figure gets a number.
    ending : str
        Ending of the figures' names, such as ``.heads.png``.
    models : iterable of str or path
        Models, which must not be overwritten either.

    Raises
    ------
    UsageError
        If a figure would replace a picture or a model.
    VitonnxError
        If the system refuses to write to the current folder.
    """
    from vitonnx.media import check_writable, first_among

    stems: dict[str, None] = {}
    for picture in pictures:
        stems[free_stem(picture.stem, stems)] = None
    targets = [Path(f"{stem}{ending}") for stem in stems]
    check_writable(targets[0])
    there = [target for target in targets if target.exists()]
    read = [*pictures, *files_of(models)] if there else []  # a file that doesn't exist is no input
    if (taken := first_among(there, read)) is not None:
        raise UsageError(
            f"can't write {taken}: it is one of the inputs. Rename it, or work in another folder."
        )
    return targets


def files_of(models: Iterable[str | Path]) -> list[str | Path]:
    """List the files of models, including the external files of their weights."""
    from vitonnx.modelfile import weight_files

    files: list[str | Path] = []
    for model in models:
        files.append(model)
        if Path(model).is_file():
            with suppress(VitonnxError):  # reported when the file is opened
                files += weight_files(Path(model))
    return files


def free_stem(stem: str, taken: Container[str]) -> str:
    """Add a number to a name that is taken.

    Examples
    --------
    >>> free_stem("bird", {"bird", "bird-2"})
    'bird-3'
    """
    numbered = (f"{stem}-{number}" for number in itertools.count(2))
    return next(name for name in itertools.chain([stem], numbered) if name not in taken)


def join_stems(files: Iterable[Path]) -> str:
    """Build a file name from the names of the models.

    Examples
    --------
    >>> join_stems([Path("deit.onnx"), Path("models/dino.onnx")])
    'deit-dino'
    """
    return "-".join(file.stem for file in files)
