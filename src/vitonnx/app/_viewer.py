"""The viewer: HTML in Gradio that draws maps, and reports which patch was clicked on."""

from __future__ import annotations

import gradio as gr

from vitonnx.app._looks import read_asset
from vitonnx.app._view import colours

__all__ = ["make_viewer"]

HTML = '<div class="viewer"></div><div class="spoken" aria-live="polite"></div>'


def make_viewer(elem_id: str) -> gr.HTML:
    """Make maps of several models over their picture, drawn in the browser.

    Its value comes from `vitonnx.app._view.view`. The event ``ask`` brings ``y`` and ``x``, a pixel
    of the picture; ``release`` restores the default query.

    It must not be a subclass: Gradio writes a file beside the source of every new component.
    """
    return gr.HTML(
        None,
        html_template=HTML,
        css_template=read_asset("viewer.css"),
        js_on_load=read_asset("viewer.js"),
        apply_default_css=False,
        min_height=200,
        elem_id=elem_id,
        colours=colours(),
    )
