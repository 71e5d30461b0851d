"""What happens when a visitor does something: values of components in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, TypeAlias, cast

import gradio as gr

from vitonnx.app._answers import Answers
from vitonnx.app._figures import Figures
from vitonnx.app._films import Films
from vitonnx.app._folder import Folder
from vitonnx.app._kindly import kindly
from vitonnx.app._limits import Limits
from vitonnx.app._save import save
from vitonnx.app._uploads import Upload
from vitonnx.app._view import Question, view
from vitonnx.app._visit import Visit, plain_name, receive
from vitonnx.errors import UsageError
from vitonnx.film import FilmOptions
from vitonnx.plots import FilmColours, FilmStyle
from vitonnx.probes import Distance, Fusion, Heads, Probe, Rollout

__all__ = ["DEFAULT", "PATCH", "Handlers"]

DEFAULT, PATCH = "default", "patch"
"""Who looks: the model's own query, or the patch that was clicked on; else a token's name."""

Pixel: TypeAlias = tuple[int, int]
"""Row and column in the picture."""


class Handlers:
    """The page's work, without its layout.

    What is ``asked`` is always the same: the models, who looks, the pixel of the patch, the block,
    the mass, and rollout's fusion and discard.

    Parameters
    ----------
    answers : Answers
        Of the page.
    limits : Limits
        The page's.
    folder : Folder
        The page's own.
    """

    def __init__(self, answers: Answers, limits: Limits, folder: Folder) -> None:
        self._answers, self._limits, self._folder = answers, limits, folder
        self._films = Films(answers.engines, limits)
        self._figures = Figures(answers)

    @kindly
    def receive(
        self, upload: Upload | None, before: Visit | None, *asked: Any
    ) -> tuple[Visit | None, Any, Pixel | None, str]:
        """Take a picture, run it through the models, and show the maps of the default query.

        Returns
        -------
        visit, view, pixel, who
        """
        if before is not None:
            self._answers.forget(before)
        if upload is None:
            return None, None, None, DEFAULT
        models, _, _, *rest = asked
        question = self._question(None, models, DEFAULT, None, *rest)
        self._check(upload)
        visit = receive(upload.path, upload.name, self._answers.engines, self._limits)
        return visit, view(self._answers, visit, question, pictures=True), None, DEFAULT

    @kindly
    def choose(self, visit: Visit | None, *asked: Any) -> tuple[Any, Any]:
        """Set other models side by side.

        Returns
        -------
        view, block
            The slider goes as far as the deepest of them.
        """
        question = self._question(visit, *asked)
        deepest = max(self._answers.engines[model].manifest.blocks for model in question.models)
        slider = gr.Slider(maximum=deepest - 1, value=min(question.heads.block, deepest - 1))
        if visit is None:
            return None, slider
        return view(self._answers, visit, question, pictures=True), slider

    @kindly
    def look(self, visit: Visit | None, *asked: Any) -> Any:
        """Answer what the sliders ask, from what is kept."""
        if visit is None:
            return None
        return view(self._answers, visit, self._question(visit, *asked), pictures=False)

    @kindly
    def ask(self, event: gr.EventData, visit: Visit | None, *asked: Any) -> tuple[Any, Any, Any]:
        """Ask the patch under the finger.

        Returns
        -------
        view, pixel, who
        """
        models, _, _, *rest = asked
        try:
            pixel = (int(event.y), int(event.x))
        except (AttributeError, TypeError, ValueError) as error:
            raise UsageError("The place of a click is two whole numbers, y and x.") from error
        return self.look(visit, models, PATCH, pixel, *rest), pixel, PATCH

    @kindly
    def release(self, visit: Visit | None, *asked: Any) -> tuple[Any, Any, Any]:
        """Ask the default query again; returned as by `ask`."""
        models, _, _, *rest = asked
        return self.look(visit, models, DEFAULT, None, *rest), None, DEFAULT

    @kindly
    def filters(self, models: Sequence[str]) -> str:
        """Draw the filters of the models."""
        return self._figures.filters(tuple(self._chosen(models)))

    @kindly
    def positions(self, models: Sequence[str]) -> str:
        """Draw the position embeddings of the models."""
        return self._figures.positions(tuple(self._chosen(models)))

    @kindly
    def save(self, visit: Visit | None, probe: str, *asked: Any) -> tuple[list[str], str, str]:
        """Write files of one probe.

        Returns
        -------
        files, command, python
        """
        if visit is None:
            raise UsageError("There is no picture yet: choose one first.")
        question = self._question(visit, *asked)
        probes: dict[str, Probe[Any]] = {
            each.name: each for each in (question.heads, question.rollout, Distance())
        }
        if probe not in probes:
            raise UsageError(f"{probe!r} can't be saved: choose from {', '.join(probes)}.")
        models = list(question.models)
        saved = save(self._answers, visit, models, probes[probe], self._folder.fresh())
        return [str(file) for file in saved.files], saved.command, saved.python

    @kindly
    def make_film(
        self,
        request: gr.Request,
        upload: Upload | None,
        probe: str,
        style: str,
        *asked: Any,
        progress: gr.Progress = gr.Progress(),  # noqa: B008 - Gradio knows it by this default
    ) -> tuple[str, str]:
        """Make a film of maps; the patch that was clicked on is the picture's, not the film's.

        Returns
        -------
        film, words
        """
        if upload is None:
            raise UsageError("There is no film yet: choose one first.")
        models, who, _, *rest = asked
        question = self._question(None, models, DEFAULT if who == PATCH else who, None, *rest)
        self._check(upload)
        stem = PurePath(plain_name(upload.name)).stem
        output = self._folder.fresh() / f"{stem}.{probe}.mp4"
        report = self._films.make(
            upload.path,
            upload.name,
            question.models,
            question.rollout if probe == "rollout" else question.heads,
            FilmOptions(colours=FilmColours(cast("FilmStyle", style))),
            output,
            visitor=_visitor(request),
            progress=lambda share, words: progress(share, desc=words),
        )
        said = [f"{report.frames} frames.", report.sound, report.lost]
        return str(output), " ".join(words for words in said if words)

    def stop_film(self, request: gr.Request) -> str:
        """Stop the visitor's film, and say so."""
        self._films.stop(_visitor(request))
        return "Stopped."

    def leave(self, request: gr.Request) -> None:
        """Make no film for somebody who has left."""
        self._films.stop(_visitor(request))

    def _check(self, upload: Upload) -> None:
        """Refuse every file but those that came through the page: Gradio looks too."""
        if not self._folder.holds(upload.path):
            raise UsageError(f"{plain_name(upload.name)} was not uploaded here: choose it again.")

    def _question(
        self,
        visit: Visit | None,
        models: Sequence[str],
        who: str,
        pixel: Pixel | None,
        block: float,
        mass: float,
        fusion: str,
        discard: float,
    ) -> Question:
        query = None if who == DEFAULT else who if who != PATCH else pixel or _middle(visit)
        return Question(
            models=self._chosen(models),
            heads=Heads(block=int(block), query=query, mass=mass or None),
            rollout=Rollout(fusion=cast("Fusion", fusion), discard=discard),
        )

    def _chosen(self, models: Sequence[str]) -> list[str]:
        """Take the names that visitors may choose from, in the page's order."""
        there_are = ", ".join(self._answers.engines)
        if not models:
            raise UsageError(f"No model is chosen: choose from {there_are}.")
        if len(models) > self._limits.models:
            raise UsageError(
                f"{len(models)} models are more than can be seen side by side: choose at most "
                f"{self._limits.models}."
            )
        if unknown := [model for model in models if model not in self._answers.engines]:
            raise UsageError(f"There is no model {unknown[0]!r} here: choose from {there_are}.")
        return [model for model in self._answers.engines if model in models]


def _middle(visit: Visit | None) -> Pixel | None:
    """Give the patch that is asked before any is clicked on."""
    return None if visit is None else (visit.size[0] // 2, visit.size[1] // 2)


def _visitor(request: gr.Request) -> str:
    return str(request.session_hash)
