"""A run that counts right answers, which can be stopped after every batch, resumed and divided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from vitonnx.engine import Engine, Pass, Survey, run_settings
from vitonnx.errors import UsageError
from vitonnx.evaluate.accuracy._hits import AccuracyQuestion
from vitonnx.evaluate.accuracy._survey import survey_accuracy
from vitonnx.evaluate.labels import Classes, Labels
from vitonnx.runs import Run

__all__ = ["AccuracyRun", "by_precision"]


def by_precision(engines: Sequence[Engine]) -> dict[str, Engine]:
    """Name engines of one model by the precisions that they run in.

    Raises
    ------
    UsageError
        If two run in the same.
    """
    named: dict[str, Engine] = {engine.precision: engine for engine in engines}
    if len(named) < len(engines):
        raise UsageError(
            f"{engines[0].manifest.name} would be measured twice in the same precision, in "
            f"{', '.join(engine.precision for engine in engines)}: leave one out."
        )
    return named


@dataclass(frozen=True, eq=False, kw_only=True)
class AccuracyRun(Run):
    """How often a model is right about pictures.

    Parameters
    ----------
    engines : mapping of str to Engine
        See `by_precision`.
    dataset : Dataset
        The pictures.
    labels : Labels
        Where their labels are.
    strict : bool
        Whether the first bad picture is an error; else it is skipped.

    Raises
    ------
    UsageError
        If the model has no head, or labels that are known without a picture are no classes of it.
    """

    labels: Labels
    strict: bool = False

    def __post_init__(self) -> None:
        if self.dataset.shards:  # there may be more parts than shards
            self.classes.check(self.labels.known(self.dataset))

    @cached_property
    def classes(self) -> Classes:
        """The model's."""
        return Classes.of(next(iter(self.engines.values())).manifest)

    @property
    def question(self) -> AccuracyQuestion:
        """What is asked of every picture."""
        return AccuracyQuestion(len(self.engines), self.classes.count)

    def passes(self) -> list[Pass]:
        """List the only pass: all precisions are asked of a picture before the next one."""
        engines = list(self.engines.values())
        alike = all(engine.batches_alike for engine in engines)
        size = max(engine.batch_size for engine in engines) if alike else 1
        return [Pass(self.question, engines[0].layout, size)]

    def settings(self) -> dict[str, str | int]:
        """Describe the run so closely that one of the same description gives the same numbers."""
        return {
            **self.labels.described(),
            **run_settings(list(self.engines.values()), self.dataset),
        }

    def go(self, surveys: Sequence[Survey]) -> Iterator[Survey]:
        """Go through the pictures, from where the survey is; give it after every batch."""
        (found,) = surveys
        return survey_accuracy(
            list(self.engines.values()),
            self.dataset,
            self.labels,
            self.classes,
            found,
            strict=self.strict,
        )
