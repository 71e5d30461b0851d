"""Collect the totals of a probe over a dataset, batch by batch, so that a run can be resumed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine._engine import Engine
from vitonnx.engine._result_stream import Result, Stream
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import (
    WHOLE,
    AddingProbe,
    Crop,
    Matrix,
    PairProbe,
    Probe,
    Summary,
    TableProbe,
)

__all__ = ["Survey", "survey", "survey_pair"]

EPSILON = 1e-5  # of the largest value: what half precision and sums round


@dataclass(eq=False)
class Survey:
    """Progress and totals of a pass over a dataset.

    Parameters
    ----------
    position : int
        Index of the first picture not done yet.
    summary : Total
        Totals of the good pictures before it.
    skipped : dict of str to str
        Bad pictures before it, each with its error.
    crops : list of (left, top, right, bottom)
        What the model saw of each good picture, for a probe that finds nothing in a single one.
    """

    position: int = 0
    summary: Any = field(default_factory=Summary)
    skipped: dict[str, str] = field(default_factory=dict)
    crops: list[Crop] = field(default_factory=list)


def survey(
    engine: Engine,
    files: Sequence[str | Path],
    probe: Probe[Any],
    found: Survey,
    *,
    strict: bool = False,
) -> Iterator[Survey]:
    """Sum up what a probe finds in pictures, in flat memory.

    Parameters
    ----------
    engine : Engine
        Engine of the model.
    files : sequence of str or Path
        All pictures, including those already done.
    probe : Probe
        Probe with totals, such as `Distance`.
    found : Survey
        Survey to continue: ``Survey()``, or the end of a batch. It is updated in place.
    strict : bool
        Whether the first bad picture is an error; else it is skipped.

    Yields
    ------
    Survey
        `found`, after every batch. To go on from there later, with the same batches, gives the
        same numbers to the last bit as never to have stopped.

    Raises
    ------
    UsageError
        If the probe has no totals, or asks for what the model doesn't have.
    PictureError
        If a picture can't be read or used, and `strict`.
    """
    if not isinstance(probe, AddingProbe):
        raise UsageError(f"the probe {probe.name} has no totals to survey.")
    ahead = itertools.islice(files, found.position, None)
    summary = {probe.name: found.summary} if found.summary.count else {}
    stream = engine.stream(ahead, [probe], summary=summary)
    batch: list[Result] = []
    for result in stream:
        if result.error is not None and strict:
            raise result.error
        if result.error is None and isinstance(probe, TableProbe):
            _check(probe, engine, np.asarray(probe.values_of(result[probe.name])))
        batch.append(result)
        # Only then does the summary hold all of them, and nothing beyond.
        if result.sums is not None:
            yield _done(found, batch, stream, probe)
            batch = []
    if batch:
        yield _done(found, batch, stream, probe)


def survey_pair(
    engines: tuple[Engine, Engine],
    files: Sequence[str | Path],
    pair: PairProbe[Any],
    found: Survey,
    *,
    strict: bool = False,
) -> Iterator[Survey]:
    """Sum up what two models find in the same pictures, in flat memory.

    Parameters
    ----------
    engines : tuple of Engine
        Engines of the models.
    files, found, strict
        As in `survey`. A picture that is bad for one model is bad for both.
    pair : PairProbe
        Question to both, such as `CKA.between` gives.

    Yields
    ------
    Survey
        `found`, after every batch.
    """
    size = min(engine.batch_size for engine in engines)
    ahead = list(files[found.position :])
    answers = zip(*(engine.stream(ahead, [pair.part]) for engine in engines), strict=True)
    while batch := list(itertools.islice(answers, size)):
        good: list[tuple[Result, Result]] = []
        for one, other in batch:
            error = one.error or other.error
            if error is not None and strict:
                raise error
            if error is not None:
                found.skipped[one.file] = str(error)
                continue
            good.append((one, other))
            found.crops.append(one.crop or WHOLE)
        if good:
            parts = [[result.only for result in of_model] for of_model in zip(*good, strict=True)]
            part = pair.total(*parts)
            found.summary = found.summary.merge(part) if found.summary.count else part
        found.position += len(batch)
        yield found


def _done(
    found: Survey, batch: Sequence[Result], stream: Stream, probe: AddingProbe[Any, Any]
) -> Survey:
    for result in batch:
        if result.error is not None:
            found.skipped[result.file] = str(result.error)
        elif probe.gives is Matrix and result.crop is not None:
            found.crops.append(result.crop)
    found.position += len(batch)
    found.summary = stream.summary[probe.name]
    return found


def _check(probe: TableProbe[Any], engine: Engine, values: NDArray[np.float64]) -> None:
    """Refuse values that a probe says can't be: no state could be resumed that holds them."""
    shape, largest = probe.shape(engine.layout), probe.largest(engine.layout)
    if values.shape != shape:
        raise VitonnxError(f"{probe.name} gives {values.shape} for a picture instead of {shape}.")
    if not (-EPSILON * largest <= values.min() and values.max() <= (1 + EPSILON) * largest):
        raise VitonnxError(
            f"{probe.name} gives values from {values.min():g} to {values.max():g}, and says that "
            f"they are from 0 to {largest:g}."
        )
