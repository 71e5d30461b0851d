"""Look of the page in Gradio: theme, style, and names of its examples."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import gradio as gr

__all__ = ["looks", "read_asset"]


def looks() -> dict[str, Any]:
    """Return the arguments for mounting the page in Gradio.

    Gradio's own grey and orange are too pale to be read on white; these have a contrast of 4.5 at
    least (WCAG 2.1, 1.4.3).
    """
    theme = gr.themes.Default(primary_hue="orange", neutral_hue="zinc").set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        color_accent="*primary_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        slider_color="*primary_700",
        slider_color_dark="*primary_600",
    )
    return {"theme": theme, "css": read_asset("page.css"), "js": read_asset("page.js")}


def read_asset(name: str) -> str:
    """Read a style or a script beside this file."""
    return files("vitonnx.app").joinpath(name).read_text(encoding="utf-8")
