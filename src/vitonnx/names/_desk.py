"""A hub's files laid out as their authors had them: under their names, in one folder, no links.

A hub's cache stores them under digests, on any disk; but external weights of a model are found by
their names, and refused where a link, of either kind, leads outside its folder.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from vitonnx.errors import VitonnxError
from vitonnx.names._listener import Listener
from vitonnx.names._snapshot import Snapshot

__all__ = ["called_by_id", "keep", "lay_out", "open_desk"]


@contextmanager
def open_desk(home: Path) -> Iterator[Path]:
    """Make an empty folder in another that exists while the block runs.

    A VitonnxError says that the system refuses to write there: no permission, a full disk.
    """
    from vitonnx.media import explained, passing_folder

    with explained(home, home), passing_folder(home) as desk:
        yield desk


def keep(made: Path, target: Path) -> None:
    """Move a folder with a complete file to its place, unless another process was faster."""
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.rename(target.parent)
    except OSError:
        if not target.is_file():
            raise


def lay_out(snapshot: Snapshot, file: str, folder: Path, listener: Listener) -> Path:
    """Put an ONNX file into a folder, with the files of its external weights, and return its path.

    Raises
    ------
    NotThereError
        If the repository hasn't one of them.
    DownloadError
        If one can't be fetched.
    ModelFileError
        If it is not an ONNX file.
    """
    folder.mkdir()
    model = folder / PurePosixPath(file).name
    shutil.copyfile(snapshot.fetch(file, listener), model)
    from vitonnx.modelfile import weight_names

    with called_by_id(folder, snapshot, file):
        names = weight_names(model)
    for name in names:
        if posixpath.isabs(name) or ".." in PurePosixPath(name).parts:
            continue  # reading the model refuses it, with a sentence
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
        if path not in snapshot.files:
            raise snapshot.lacks(f"no {path}, which holds the weights of {file}")
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(snapshot.fetch(path, listener), folder / name)
    return model


@contextmanager
def called_by_id(folder: Path, snapshot: Snapshot, file: str) -> Iterator[None]:
    """Name a hub's files by their place in the repository, in all messages."""
    try:
        yield
    except VitonnxError as error:
        home = posixpath.dirname(file)
        shown = str(snapshot.asked.beside(home or None))
        raise type(error)(str(error).replace(str(folder), shown)) from error
