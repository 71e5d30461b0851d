"""Pictures and videos as they come from a browser: a file and its name, and nothing decoded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeVar

from gradio.components import Component
from gradio.data_classes import FileData

from vitonnx.app._folder import Folder
from vitonnx.app._visit import plain_name
from vitonnx.errors import UsageError

__all__ = ["Upload", "Uploads", "as_files"]

Input = TypeVar("Input", bound=Component)


class Upload(NamedTuple):
    """A file that a visitor sent.

    Parameters
    ----------
    path : Path
        Claimed path of the file.
    name : str
        Name given by the visitor, not to be trusted.
    """

    path: Path
    name: str


class Uploads:
    """Tells uploaded files from claimed ones.

    Parameters
    ----------
    folder : Folder
        The page's own.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def check(self, upload: Upload) -> None:
        """Refuse every file but those that came through the page: the guard looks too.

        Raises
        ------
        UsageError
            If it is anywhere else, or has been deleted after its time.
        """
        if not (self._folder.holds(upload.path) and upload.path.is_file()):
            name = plain_name(upload.name)
            raise UsageError(f"{name} isn't uploaded, or no longer: choose it again.")


def as_files(component: Input) -> Input:
    """Let a picture or video of Gradio's give an `Upload`: it decodes nothing, and runs no program.

    It must stay an instance of its class: Gradio writes a file beside the source of every subclass.
    """
    vars(component)["preprocess"] = _upload
    return component


def _upload(payload: FileData | None) -> Upload | None:
    if payload is None or not payload.path:
        return None
    return Upload(Path(payload.path), payload.orig_name or Path(payload.path).name)
