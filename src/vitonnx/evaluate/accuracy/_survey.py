"""Ask a model, in one precision or several, what pictures of known class show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from vitonnx.dataset import Dataset, Sample
from vitonnx.engine import Engine, Result, Survey, left_of_shards
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.evaluate.accuracy._hits import Accuracy
from vitonnx.evaluate.labels import Classes, Labels

__all__ = ["survey_accuracy"]

Answered: TypeAlias = tuple[Sample, int | None, Sequence[Result]]


def survey_accuracy(
    engines: Sequence[Engine],
    dataset: Dataset,
    labels: Labels,
    classes: Classes,
    found: Survey,
    *,
    strict: bool = False,
) -> Iterator[Survey]:
    """Count right answers, in flat memory.

    Parameters
    ----------
    engines : sequence of Engine
        The same model in one precision or several. A picture that is bad for one is bad for all.
    dataset : Dataset
        All pictures, including those already done. One without a label is skipped.
    labels : Labels
        Where their labels are.
    classes : Classes
        The model's.
    found : Survey
        Survey to continue, of an `Accuracy`. It is updated in place.
    strict : bool
        Whether the first bad picture is an error; else it is skipped.

    Yields
    ------
    Survey
        `found`, after every batch. To go on from there later, with the same batches, gives the
        same numbers as never to have stopped.

    Raises
    ------
    UsageError
        If a label is no class of the model, or there are no labels.
    PictureError
        If a picture can't be used, and `strict`.
    """
    size = max(engine.batch_size for engine in engines)
    for samples in left_of_shards(dataset, found, Accuracy):
        answers = _answers(engines, samples, classes, labels)
        while batch := list(itertools.islice(answers, size)):
            for sample, number, results in batch:
                try:
                    if number is None:
                        raise labels.refused(sample)
                    found.own = found.own.merge(_counted(sample, number, results))
                except VitonnxError as error:
                    if strict:
                        raise
                    found.skipped[sample.name] = str(error)
            found.position += len(batch)
            if not found.summary.count:
                labels.require_some(found.skipped, found.pictures)
            yield found
    if not found.summary.count:
        labels.require_some(found.skipped, found.pictures, ended=True)


def _answers(
    engines: Sequence[Engine], samples: Iterator[Sample], classes: Classes, labels: Labels
) -> Iterator[Answered]:
    """Give each picture with its class, and what the engines say of it.

    Pictures without a label are asked, too, since what is counted depends on who shares a batch.
    """

    def known() -> Iterator[tuple[Sample, int | None]]:
        for sample in samples:
            label = labels.of(sample)
            try:
                yield sample, None if label is None else classes.find(label)
            except UsageError as error:
                raise UsageError(f"{sample.name}: {error}") from error

    ours, *theirs = itertools.tee(known(), 1 + len(engines))
    # Without a probe, a pass through the network gives the logits alone.
    streams = [
        engine.stream((sample.picture for sample, _ in own), [])
        for engine, own in zip(engines, theirs, strict=True)
    ]
    for sample, number in ours:
        yield sample, number, [next(stream) for stream in streams]


def _counted(sample: Sample, number: int, results: Sequence[Result]) -> Accuracy:
    """Count one picture, or raise a PictureError that says why it can't be."""
    for result in results:
        if result.error is not None:
            raise result.error
    logits = np.stack([np.asarray(result.logits) for result in results])
    if not np.isfinite(logits).all():
        raise PictureError(f"{sample.name}: the model's answer is not finite.")
    return Accuracy.of_logits(logits, number)
