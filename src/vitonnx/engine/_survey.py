"""Collect the totals of a probe over a dataset, batch by batch, so that a run can be resumed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.dataset import Dataset, Sample, as_dataset
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
    Total,
)

__all__ = ["Survey", "left_of_shards", "survey", "survey_pair"]

EPSILON = 1e-5  # of the largest value: what half precision and sums round


@dataclass(eq=False)
class Survey:
    """Progress and totals of a pass over a dataset.

    The total of a shard begins with nothing, and is added to that of the shards before it. So
    whoever counts shards apart, and adds them in their order, comes to the same bits.

    Parameters
    ----------
    position : int
        How many pictures are done of the shard at hand.
    own : Total
        Totals of the good pictures among them.
    skipped : dict of str to str
        Bad pictures so far, each with its error.
    crops : list of (left, top, right, bottom)
        What the model saw of each good picture so far, for a probe that finds nothing in a single
        one, and a dataset whose pictures are files.
    shard : int
        Number of the shard at hand, and so of those before it.
    passed : int
        How many pictures these have.
    before : Total
        Totals of the good ones among them.
    """

    position: int = 0
    own: Any = field(default_factory=Summary)
    skipped: dict[str, str] = field(default_factory=dict)
    crops: list[Crop] = field(default_factory=list)
    shard: int = 0
    passed: int = 0
    before: Any = field(default_factory=Summary)

    @property
    def summary(self) -> Any:
        """Totals of all good pictures so far."""
        return self.before.merge(self.own)

    @property
    def pictures(self) -> int:
        """How many pictures are done, good and bad together."""
        return self.passed + self.position

    def end_shard(self, nothing: Total) -> None:
        """Add the shard at hand to those before it, and begin the next one with nothing."""
        self.before, self.own = self.summary, nothing
        self.passed, self.position = self.pictures, 0
        self.shard += 1

    def add(self, shard: Survey, nothing: Total) -> None:
        """Add the next shard, which was counted apart from the others."""
        self.position, self.own = shard.pictures, shard.summary
        self.skipped |= shard.skipped
        self.crops += shard.crops
        self.end_shard(nothing)


def left_of_shards(
    dataset: Dataset, found: Survey, nothing: Callable[[], Total], batch: int = 1
) -> Iterator[Iterator[Sample]]:
    """Give what is left to do of each shard; ends a shard as the next is asked for.

    Parameters
    ----------
    dataset : Dataset
        All of it, with what is done already.
    found : Survey
        To go on from; updated in place.
    nothing : callable
        Gives the total of no picture.
    batch : int
        Pictures that are asked together: those of a batch that is half done are given again.
    """
    for number in range(found.shard, len(dataset.shards)):
        if number > found.shard:
            found.end_shard(nothing())
        yield dataset.shards[number].samples(found.position - found.position % batch)


def survey(
    engine: Engine,
    dataset: Dataset | Iterable[Any],
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
    dataset : Dataset, or iterable of pictures
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
    dataset = as_dataset(dataset)
    for samples in left_of_shards(dataset, found, lambda: probe.nothing(engine.layout)):
        summary = {probe.name: found.own} if found.own.count else {}
        stream = engine.stream((each.picture for each in samples), [probe], summary=summary)
        batch: list[Result] = []
        for result in stream:
            if result.error is not None and strict:
                raise result.error
            if result.error is None and isinstance(probe, TableProbe):
                _check(probe, engine, np.asarray(probe.values_of(result[probe.name])))
            batch.append(result)
            # Only then does the summary hold all of them, and nothing beyond.
            if result.sums is not None:
                yield _done(found, batch, stream, probe, dataset)
                batch = []
        if batch:
            yield _done(found, batch, stream, probe, dataset)


def survey_pair(
    engines: tuple[Engine, Engine],
    dataset: Dataset | Iterable[Any],
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
    dataset, found, strict
        As in `survey`. A picture that is bad for one model is bad for both.
    pair : PairProbe
        Question to both, such as `CKA.between` gives.

    Yields
    ------
    Survey
        `found`, after every batch.
    """
    size = min(engine.batch_size for engine in engines)
    dataset = as_dataset(dataset)
    for samples in left_of_shards(dataset, found, lambda: pair.nothing(engines[0].layout)):
        twice = itertools.tee((each.picture for each in samples), 2)
        streams = [
            engine.stream(each, [pair.part]) for engine, each in zip(engines, twice, strict=True)
        ]
        answers = zip(*streams, strict=True)
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
                if dataset.is_listed:
                    found.crops.append(one.crop or WHOLE)
            if good:
                parts = [[each.only for each in of_model] for of_model in zip(*good, strict=True)]
                found.own = found.own.merge(pair.total(*parts))
            found.position += len(batch)
            yield found


def _done(
    found: Survey,
    batch: Sequence[Result],
    stream: Stream,
    probe: AddingProbe[Any, Any],
    dataset: Dataset,
) -> Survey:
    for result in batch:
        if result.error is not None:
            found.skipped[result.file] = str(result.error)
        elif probe.gives is Matrix and result.crop is not None and dataset.is_listed:
            found.crops.append(result.crop)
    found.position += len(batch)
    found.own = stream.summary[probe.name]
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
