"""The tabs of what the weights tell: filters and position embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr

from vitonnx.app._answers import Answers
from vitonnx.app._figures import Figures
from vitonnx.app._kindly import kindly
from vitonnx.app._lanes import FIGURE
from vitonnx.app._questions import Questions

__all__ = ["WeightsTabs"]


class WeightsTabs:
    """Draws weights when its tabs are opened.

    Parameters
    ----------
    answers : Answers
        Answers of the page.
    questions : Questions
        Reader of requests.
    """

    def __init__(self, answers: Answers, questions: Questions) -> None:
        self._figures, self._questions = Figures(answers), questions
        with gr.Tab("Filters") as self._filters_tab:
            gr.Markdown("What the patch embedding looks for.")
            self._filters = gr.HTML(elem_id="filters", min_height=80)
        with gr.Tab("Positions") as self._positions_tab:
            gr.Markdown("How alike the position embeddings are: a tile for each patch.")
            self._positions = gr.HTML(elem_id="positions", min_height=80)

    def connect(self, models: gr.CheckboxGroup) -> None:
        """Connect events to their handlers."""
        self._filters_tab.select(self.filters, models, self._filters, api_name="filters", **FIGURE)
        self._positions_tab.select(
            self.positions, models, self._positions, api_name="positions", **FIGURE
        )

    @kindly
    def filters(self, models: Sequence[str]) -> str:
        """Draw the filters of the models."""
        return self._figures.filters(self._questions.choose(models))

    @kindly
    def positions(self, models: Sequence[str]) -> str:
        """Draw the position embeddings of the models."""
        return self._figures.positions(self._questions.choose(models))
