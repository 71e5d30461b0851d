"""Ask a model, in one precision or several, what pictures of known class show."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from vitonnx.contract import LOGITS
from vitonnx.dataset import Sample
from vitonnx.engine import Engine, Survey
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.evaluate.accuracy._hits import Accuracy
from vitonnx.evaluate.labels import Classes, no_labels

__all__ = ["survey_accuracy"]

NO_LABEL = ": it has no label."
UNLABELLED = 100
"""So many pictures without a label, and none with one: this is no dataset with labels."""


def survey_accuracy(
    engines: Sequence[Engine],
    samples: Iterable[Sample],
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
    samples : iterable of Sample
        The pictures from `found`'s position on; read once, a few batches ahead. One without a
        label is skipped, and not read.
    classes : Classes
        The model's.
    found : Survey
        Survey to continue, of an `Accuracy`. It is updated in place.
    strict : bool
        Whether the first bad picture is an error; else it is skipped.

    Yields
    ------
    Survey
        `found`, after every batch. The numbers are whole: wherever a run goes on, it ends with the
        same bits if the model answers alike, as it does for the same batches.

    Raises
    ------
    UsageError
        If a label is no class of the model, or there are no labels.
    PictureError
        If a picture can't be used, and `strict`.
    """
    for engine in engines:
        if LOGITS not in engine.outputs:
            raise UsageError(f"{engine.file} has no head, and so no classes.")
    asked = (
        (sample, None if sample.label is None else classes.find(sample.label))
        for sample in samples
    )
    ours, *theirs = itertools.tee(asked, 1 + len(engines))
    # Without a probe, a pass through the network gives the logits alone.
    streams = [
        engine.stream((sample.picture for sample, number in own if number is not None), [])
        for engine, own in zip(engines, theirs, strict=True)
    ]
    size = engines[0].batch_size
    while batch := list(itertools.islice(ours, size)):
        for sample, number in batch:
            try:
                if number is None:
                    raise PictureError(f"{sample.name}{NO_LABEL}")
                logits = []
                # All streams are a picture further, before one of them may say that it is bad.
                for result in [next(stream) for stream in streams]:
                    if result.error is not None:
                        raise result.error
                    logits.append(result.logits)
                answers = np.stack(logits)
                if not np.isfinite(answers).all():
                    raise PictureError(f"{sample.name}: the model answers with what is no number.")
                found.summary = found.summary.merge(Accuracy.of_logits(answers, number))
            except UsageError:
                raise
            except VitonnxError as error:
                if strict:
                    raise
                found.skipped[sample.name] = str(error)
        found.position += len(batch)
        if not found.summary.count and len(found.skipped) >= UNLABELLED:
            _refuse_unlabelled(found)
        yield found
    if not found.summary.count:
        _refuse_unlabelled(found)


def _refuse_unlabelled(found: Survey) -> None:
    """Refuse a dataset whose pictures were all skipped for want of a label."""
    if found.skipped and all(reason.endswith(NO_LABEL) for reason in found.skipped.values()):
        raise no_labels(found.skipped)
