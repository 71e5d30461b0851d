"""The tab of files: what was found, as a figure, as numbers, and as lines that make them again."""

from __future__ import annotations

from typing import Any

import gradio as gr

from vitonnx.app._answers import Answers
from vitonnx.app._controls import Controls
from vitonnx.app._folder import Folder
from vitonnx.app._kindly import kindly
from vitonnx.app._lanes import FIGURE
from vitonnx.app._questions import Questions
from vitonnx.app._save import save
from vitonnx.app._visit import Visit, here
from vitonnx.errors import UsageError
from vitonnx.probes import Distance, Probe

__all__ = ["SaveTab"]


class SaveTab:
    """Writes files.

    Parameters
    ----------
    answers : Answers
        Answers of the page.
    questions : Questions
        Reader of requests.
    folder : Folder
        The page's own.
    """

    def __init__(self, answers: Answers, questions: Questions, folder: Folder) -> None:
        self._answers, self._questions, self._folder = answers, questions, folder
        with gr.Tab("Save"):
            gr.Markdown("A figure, the raw numbers, and the code that makes them without the page.")
            self._what = gr.Radio(
                ["heads", "rollout", "distance"], value="heads", label="What", elem_id="what"
            )
            self._write = gr.Button("Make the files", variant="primary", elem_id="write")
            self._written = gr.File(
                label="Files", file_count="multiple", interactive=False, elem_id="written"
            )
            self._command = gr.Code(
                label="Command line", language="shell", interactive=False, elem_id="command"
            )
            self._python = gr.Code(label="Python", language="python", interactive=False)

    def connect(self, visit: gr.State, controls: Controls) -> None:
        """Connect events to their handlers."""
        self._write.click(
            self.save,
            [visit, self._what, *controls.asked],
            [self._written, self._command, self._python],
            api_name="save",
            **FIGURE,
        )

    @kindly
    def save(self, visit: Visit | None, what: str, *asked: Any) -> tuple[list[str], str, str]:
        """Write files of one probe.

        Returns
        -------
        files, command, python
        """
        visit = here(visit)
        question = self._questions.read(visit, *asked)
        probes: dict[str, Probe[Any]] = {
            each.name: each for each in (question.heads, question.rollout, Distance())
        }
        if what not in probes:
            raise UsageError(f"{what!r} can't be saved: choose from {', '.join(probes)}.")
        models = list(question.models)
        saved = save(self._answers, visit, models, probes[what], self._folder.fresh())
        return [str(file) for file in saved.files], saved.command, saved.python
