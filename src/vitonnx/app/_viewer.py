"""The viewer: a component of Gradio's that draws maps, and tells which patch was asked about."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr

from vitonnx.app._view import colours

__all__ = ["Viewer"]

HTML = '<div class="viewer"></div><div class="spoken" aria-live="polite"></div>'


class Viewer(gr.HTML):
    """Maps of several models over their picture, drawn in the browser.

    Its value is what `vitonnx.app._view.view` gives. The event ``ask`` brings ``y`` and ``x``, a
    pixel of the picture; ``release`` says that the default query is wanted again.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            None,
            html_template=HTML,
            css_template=_read("viewer.css"),
            js_on_load=_read("viewer.js"),
            apply_default_css=False,
            colours=colours(),
            **settings,
        )

    def api_info(self) -> dict[str, Any]:
        """Describe the value to those who call the page from a program."""
        return {"type": "object", "description": "the maps of every model; see the viewer"}


def _read(name: str) -> str:
    return files("vitonnx.app").joinpath(name).read_text(encoding="utf-8")
