"""From any Vision Transformer in ONNX, a hub's or a SavedModel, to a probe-ready file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from vitonnx.engine import as_sides
from vitonnx.errors import UsageError
from vitonnx.filenames import as_path
from vitonnx.media import check_writable, temporary_folder
from vitonnx.names import open_foreign
from vitonnx.tap import Tapped, tap

__all__ = ["tap_model"]

SAVED_MODEL = "saved_model.pb"


def tap_model(
    model: str | Path,
    path: str | Path,
    *,
    preprocess: str | None = None,
    size: int | tuple[int, int] | None = None,
    prefix: str | Iterable[str] | None = None,
    interpolation: str | None = None,
    name: str | None = None,
    notice: Callable[[str], None] = lambda sentence: None,
    progress: Callable[[str], None] = lambda now: None,
) -> Tapped:
    """Make a Vision Transformer that somebody else exported probe-ready.

    Parameters
    ----------
    model : str or path
        An ONNX file; a model of the hub, ``hf://ORG/REPO[@REVISION][/FILE]``; or the folder of a
        TensorFlow SavedModel, for which the ``export`` extra is needed.
    path : path
        The file to write; whole, or not at all.
    preprocess : str, optional
        How pictures become the input: ``imagenet``, ``half``, ``MEAN,STD``, ``timm:NAME``,
        ``hf:FILE`` or ``hf://ORG/REPO``; with ``,pad`` and the like behind it, as docs/tap.md says.
        By default it is read from the description beside the model.
    size : int or (height, width), optional
        Of the input, in pixels; by default the model's own, or its description's.
    prefix : str or iterable of str, optional
        Names of the tokens in front of the patches, such as ``cls,dist``, where neither their
        number nor the description tells them.
    interpolation : str, optional
        How positions become those of other sizes, where neither the graph nor its description says
        it: see `vitonnx.positions`.
    name : str, optional
        What the model is called, if not as its file or folder is.
    notice : callable
        Takes a sentence: what was guessed, or isn't there.
    progress : callable
        Takes what is being done now.

    Returns
    -------
    Tapped
        What was found, and its parity with the original.

    Raises
    ------
    ModelFileError
        If the model is damaged, or is no Vision Transformer whose attention is among all patches.
    UsageError
        If the recipe is missing or not understood, or the size or the name can't be.
    VitonnxError
        If it can't be fetched, or the file can't be written.

    Examples
    --------
    >>> tap_model("foreign.onnx", "ready.onnx", preprocess="imagenet")  # doctest: +SKIP
    """
    as_path(model)
    check_writable(as_path(path, "file to write"), [model])
    sides = None if size is None else as_sides(size)
    prefix_tokens = _names(prefix)
    words = {"preprocess": preprocess, "interpolation": interpolation, "name": name}
    for option, word in words.items():
        if not isinstance(word, str | None):
            raise UsageError(f"{option} is {word!r}; it must be text.")
    with (
        temporary_folder() as folder,
        open_foreign(str(model), preprocess, say=notice, progress=progress) as foreign,
    ):
        source = foreign.file
        if source.is_dir() and (source / SAVED_MODEL).is_file():
            source = _from_tensorflow(source, folder)
        tapped = tap(
            source,
            path,
            preprocess=foreign.preprocess,
            size=sides,
            prefix_tokens=prefix_tokens,
            interpolation=interpolation,
            name=foreign.name if name is None else name,
        )
    for warning in tapped.warnings:
        notice(f"{warning}.")
    return tapped


def _names(prefix: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if prefix is None:
        return None
    given = prefix.split(",") if isinstance(prefix, str) else prefix
    names = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(each, str) for each in names):
        raise UsageError(f"prefix is {prefix!r}; it must be the names of tokens.")
    return names


def _from_tensorflow(model: Path, folder: Path) -> Path:
    """Convert a SavedModel; its file has the folder's name."""
    from vitonnx.extras import require_export

    require_export()
    from vitonnx.export import convert_saved_model

    return convert_saved_model(model, folder / f"{model.resolve().name}.onnx")
