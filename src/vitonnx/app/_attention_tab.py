"""The first tab: the maps of the visitor's picture, and their controls."""

from __future__ import annotations

from typing import Any

import gradio as gr

from vitonnx.app._answers import Answers
from vitonnx.app._controls import Controls
from vitonnx.app._kindly import kindly
from vitonnx.app._lanes import EACH, LATEST, MEMORY, MODEL
from vitonnx.app._limits import Limits
from vitonnx.app._questions import DEFAULT, PATCH, Pixel, Questions
from vitonnx.app._uploads import Upload, Uploads
from vitonnx.app._view import view
from vitonnx.app._viewer import make_viewer
from vitonnx.app._visit import Visit, here, receive
from vitonnx.errors import UsageError

__all__ = ["AttentionTab"]


class AttentionTab:
    """Shows where models look.

    Parameters
    ----------
    answers : Answers
        Answers of the page.
    questions : Questions
        Reader of requests.
    uploads : Uploads
        Reader of uploads.
    limits : Limits
        The page's.
    """

    def __init__(
        self, answers: Answers, questions: Questions, uploads: Uploads, limits: Limits
    ) -> None:
        self._answers, self._questions = answers, questions
        self._uploads, self._limits = uploads, limits
        with gr.Tab("Attention"):
            # Gradio drops it an hour after the page was closed, or where others need its place.
            self.visit = gr.State(None, delete_callback=self._forget)
            self._viewer = make_viewer("viewer")

    def connect(self, picture: gr.Image, controls: Controls) -> None:
        """Connect events to their handlers."""
        inputs = [self.visit, *controls.asked]
        picture.change(
            self.receive,
            [picture, *inputs],
            [self.visit, self._viewer, controls.pixel, controls.who],
            api_name="receive",
            **MODEL,
        )
        controls.models.input(
            self.choose, inputs, [self._viewer, controls.block], api_name="choose", **MODEL
        )
        gr.on(
            [
                controls.who.input,
                controls.block.input,
                controls.mass.input,
                controls.fusion.input,
                controls.discard.input,
            ],
            self.look,
            inputs,
            self._viewer,
            api_name="look",
            **MEMORY,
            **LATEST,
        )
        outputs = [self._viewer, controls.pixel, controls.who]
        self._viewer.ask(self.ask, inputs, outputs, api_name="ask", **MEMORY, **EACH)
        self._viewer.release(self.release, inputs, outputs, api_name="release", **MEMORY, **EACH)

    @kindly
    def receive(
        self, upload: Upload | None, before: Visit | None, *asked: Any
    ) -> tuple[Visit | None, Any, Pixel | None, str]:
        """Take a picture, run it through the models, and show the maps of the default query.

        Returns
        -------
        visit, view, pixel, who
        """
        if upload and before and not before.over and before.source == upload.path:
            visit = before  # Gradio tells of some pictures twice
        else:
            self._forget(before)
            if upload is None:
                return None, None, None, DEFAULT
            self._uploads.check(upload)
            visit = receive(upload.path, upload.name, self._answers.engines, self._limits)
        models, _, _, *rest = asked
        try:
            question = self._questions.read(None, models, DEFAULT, None, *rest)
        except UsageError as error:  # the picture is there all the same
            gr.Warning(f"{error}", duration=None)
            return visit, None, None, DEFAULT
        return visit, view(self._answers, visit, question, pictures=True), None, DEFAULT

    @kindly
    def choose(self, visit: Visit | None, *asked: Any) -> tuple[Any, Any]:
        """Set other models side by side.

        Returns
        -------
        view, block
            Set the slider's range to the deepest of the models.
        """
        question = self._questions.read(visit, *asked)
        last = self._questions.deepest(question.models) - 1
        slider = gr.Slider(maximum=last, value=min(question.heads.block, last))
        if visit is None or visit.over:
            return None, slider
        return view(self._answers, visit, question, pictures=True), slider

    @kindly
    def look(self, visit: Visit | None, *asked: Any) -> Any:
        """Answer the sliders from the cache."""
        visit = here(visit)
        return view(self._answers, visit, self._questions.read(visit, *asked), pictures=False)

    @kindly
    def ask(self, event: gr.EventData, visit: Visit | None, *asked: Any) -> tuple[Any, Any, Any]:
        """Ask the patch under the finger.

        Returns
        -------
        view, pixel, who
        """
        models, _, _, *rest = asked
        try:
            # By way of a float, which is as large as a place can be.
            pixel = (int(float(event.y)), int(float(event.x)))
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            raise UsageError("a click is placed by two whole numbers, y and x.") from error
        return self.look(visit, models, PATCH, pixel, *rest), pixel, PATCH

    @kindly
    def release(self, visit: Visit | None, *asked: Any) -> tuple[Any, Any, Any]:
        """Ask the default query again; returned as by `ask`."""
        models, _, _, *rest = asked
        return self.look(visit, models, DEFAULT, None, *rest), None, DEFAULT

    def _forget(self, visit: Visit | None) -> None:
        """Free the cache of a picture that is no longer shown."""
        if visit is not None:
            visit.over = True
            self._answers.forget(visit)
