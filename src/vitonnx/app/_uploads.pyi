"""Pictures and films as they come from a browser: a file and its name, and nothing decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.data_classes import FileData

__all__ = ["FilmInput", "PictureInput", "Upload"]


class Upload(NamedTuple):
    """A file that a visitor sent.

    Parameters
    ----------
    path : Path
        Where it lies, in the page's own folder.
    name : str
        As the visitor calls it: not to be trusted.
    """

    path: Path
    name: str

from gradio.events import Dependency

class PictureInput(gr.Image):
    """Gradio's picture, but handed on as the file that came: it decodes nothing, whatever it is."""

    is_template = True  # drawn in the browser as its parent is

    def preprocess(self, payload: FileData | None) -> Upload | None:  # type: ignore[override]
        """Give the file as it is."""
        return _upload(payload)
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


class FilmInput(gr.Video):
    """Gradio's film, but handed on as the file that came: no program is run on it."""

    is_template = True  # drawn in the browser as its parent is

    def preprocess(self, payload: FileData | None) -> Upload | None:  # type: ignore[override]
        """Give the file as it is."""
        return _upload(payload)
    from typing import Callable, Literal, Sequence, Any, TYPE_CHECKING
    from gradio.blocks import Block
    if TYPE_CHECKING:
        from gradio.components import Timer
        from gradio.components.base import Component


def _upload(payload: Any) -> Upload | None:
    if payload is None or not payload.path:
        return None
    return Upload(Path(payload.path), payload.orig_name or Path(payload.path).name)