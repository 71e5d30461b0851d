"""Files to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from gradio.components import Component

from vitonnx.app._kindly import kindly
from vitonnx.errors import UsageError

__all__ = ["lay_out_examples"]


def lay_out_examples(component: Component, paths: Sequence[Path]) -> None:
    """Show files; one that is clicked on comes as if it had been uploaded.

    `gradio.Examples` won't do: it recreates the component for its visitor, without `as_files`.
    """
    if not paths:
        return
    samples = [[str(path)] for path in paths]
    shown = gr.Dataset(components=[component], samples=samples, type="index", label="Examples")

    @kindly
    def choose(index: int) -> str:
        try:
            return samples[index][0]
        except (IndexError, TypeError) as error:
            raise UsageError("There is no such example: choose one of those shown.") from error

    shown.click(
        choose,
        shown,
        component,
        api_name="example",
        show_progress="hidden",
        queue=False,
    )
