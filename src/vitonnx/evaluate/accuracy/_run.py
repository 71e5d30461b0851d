"""A run that counts right answers, which can be stopped after every batch, and resumed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vitonnx.dataset import Dataset
from vitonnx.engine import Engine, StateFile, Survey, run_settings
from vitonnx.errors import UsageError
from vitonnx.evaluate.accuracy._hits import Accuracy, HitsQuestion
from vitonnx.evaluate.accuracy._survey import survey_accuracy
from vitonnx.evaluate.labels import Classes, Labels

__all__ = ["AccuracyRun"]


@dataclass(frozen=True, kw_only=True)
class AccuracyRun:
    """What is asked of which pictures.

    Parameters
    ----------
    engines : sequence of Engine
        The same model in one precision or several.
    dataset : Dataset
        All pictures.
    labels : Labels
        Where their labels are.
    strict : bool
        Whether a bad picture ends the run.

    Raises
    ------
    UsageError
        If the model has no head, two precisions are one, or labels that are known without a
        picture are no classes of the model.
    """

    engines: Sequence[Engine]
    dataset: Dataset
    labels: Labels
    strict: bool = False

    def __post_init__(self) -> None:
        precisions = [engine.precision for engine in self.engines]
        for precision in precisions:
            if precisions.count(precision) > 1:
                raise UsageError(f"the precision {precision} is given twice: give others.")
        self.classes.check(self.labels.known(self.dataset))

    @cached_property
    def classes(self) -> Classes:
        """The model's."""
        return Classes.of(self.engines[0].manifest)

    @property
    def question(self) -> HitsQuestion:
        """What is counted of every picture."""
        return HitsQuestion(Accuracy, len(self.engines))

    def settings(self) -> dict[str, str | int]:
        """Describe the run so closely that one of the same description gives the same numbers."""
        return {**self.labels.described(), **run_settings(self.engines, self.dataset)}

    def begin(self) -> list[Survey]:
        """Give the survey of a run that begins."""
        return [Survey(own=Accuracy(), before=Accuracy())]

    def state(self, path: Path) -> StateFile:
        """Give the file that the run is resumed from."""
        alike = all(engine.batches_alike for engine in self.engines)
        size = max(engine.batch_size for engine in self.engines) if alike else 1
        return StateFile.of_questions(
            path, self.settings(), self.dataset, [self.question], self.engines[0].layout, size
        )

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Go through the pictures, from where the survey is; give it after every batch."""
        (found,) = surveys
        return survey_accuracy(
            self.engines, self.dataset, self.labels, self.classes, found, strict=self.strict
        )
