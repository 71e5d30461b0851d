"""Embeddings of a dataset's pictures, shard by shard, many at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING
from vitonnx.dataset import Dataset, Label, Sample
from vitonnx.engine import Engine, Result, Survey, left_of_shards
from vitonnx.errors import PictureError, UsageError, VitonnxError
from vitonnx.evaluate.labels import Labels
from vitonnx.layout import Layout
from vitonnx.probes import Array, PictureResult, Plate, Probe

__all__ = ["Embedded", "at_once", "embed"]

AT_ONCE = 512  # pictures: the bank is read once for so many


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class _Embedded(PictureResult):
    @property
    def finding(self) -> Plate:
        """Nothing that could be drawn."""
        raise UsageError("an embedding has no figure.")


@dataclass(frozen=True)
class _Embedding(Probe[_Embedded]):
    """What the head reads, or would."""

    name: ClassVar[str] = "embedding"

    @property
    def beside(self) -> tuple[str, ...]:
        """The embedding stands beside the results, and there is nothing else."""
        return (EMBEDDING,)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Read nothing else."""
        return (EMBEDDING,)

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[_Embedded]:
        """Make empty results."""
        return [_Embedded() for _ in queries]


Embedded: TypeAlias = tuple[NDArray[np.float32], list[Any]]
"""Embeddings of length 1, (pictures, dim), and what is known of each picture's label."""


def at_once(engine: Engine) -> int:
    """Give the number of pictures that are embedded before the next ones: whole batches."""
    return engine.batch_size * max(1, AT_ONCE // engine.batch_size)


def embed(
    engine: Engine,
    dataset: Dataset,
    labels: Labels,
    found: Survey,
    known: Callable[[Label], Any],
) -> Iterator[Embedded]:
    """Embed the pictures that a survey has yet to do, and say in it which were and which weren't.

    Parameters
    ----------
    engine : Engine
        The model.
    dataset : Dataset
        All pictures.
    labels : Labels
        Where their labels are.
    found : Survey
        To go on from; updated in place, but for its totals.
    known : callable
        Says what is to be known of a label; it may refuse it.

    Yields
    ------
    Embedded
        The good pictures among the next `at_once`.
    """
    for samples in left_of_shards(dataset, found, type(found.own)):
        answers = _answers(engine, samples, labels, found.skipped, known)
        while batch := list(itertools.islice(answers, at_once(engine))):
            good = [each for each in batch if each is not None]
            found.position += len(batch)
            if not good and not found.summary.count:
                labels.require_some(found.skipped, found.pictures)
            rows = [embedding for embedding, _ in good]
            yield _unit(np.stack(rows) if rows else np.empty((0, 0))), [own for _, own in good]
    if not found.summary.count:
        labels.require_some(found.skipped, found.pictures, ended=True)


def _answers(
    engine: Engine,
    samples: Iterator[Sample],
    labels: Labels,
    skipped: dict[str, str],
    known: Callable[[Label], Any],
) -> Iterator[tuple[NDArray[np.float32], Any] | None]:
    """Give each picture's embedding, and what is known of its label; None if it is skipped.

    Nothing else is kept of a picture: what the stream says of it holds its pixels, too.
    """
    ours, theirs = itertools.tee(samples)
    stream = engine.stream((sample.picture for sample in theirs), [_Embedding()])
    for sample, result in zip(ours, stream, strict=True):
        label = labels.of(sample)
        try:
            if label is None:
                raise labels.refused(sample)
            answer = _embedding(sample, result), known(label)
        except UsageError as error:
            raise UsageError(f"{sample.name}: {error}") from error
        except VitonnxError as error:
            skipped[sample.name] = str(error)
            yield None
        else:
            yield answer


def _embedding(sample: Sample, result: Result) -> NDArray[np.float32]:
    """Give the embedding of one picture, or raise a PictureError that says why it has none."""
    if result.error is not None:
        raise result.error
    embedding = np.array(result.only.embedding, np.float32)  # not the batch's, which would stay
    if not np.isfinite(embedding).all():
        raise PictureError(f"{sample.name}: the model's answer is not finite.")
    return embedding


def _unit(embeddings: NDArray[Any]) -> NDArray[np.float32]:
    """Give vectors of length 1, as ``torch.nn.functional.normalize``."""
    wide = embeddings.astype(np.float32)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: NDArray[np.float32] = wide / np.maximum(lengths, np.float32(1e-12))
    return unit
