"""What a model says of each picture of a dataset, as a row: an embedding, or what a probe finds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING, LOGITS
from vitonnx.dataset import Label, Sample
from vitonnx.engine import Engine, Result, best_classes
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes import Maps, PictureResult, Probe, SumProbe

__all__ = ["EmbeddingRows", "Form", "ProbeRows", "Row", "Rows"]

BEST = 5


@dataclass(frozen=True, eq=False)
class Row:
    """What is found of one picture.

    Parameters
    ----------
    id : str
    label : str, int or None
        As the dataset says it.
    arrays : mapping of str to array, or None
        What was found; None for a bad picture.
    error : str or None
        What is wrong with it.
    """

    id: str
    label: Label | None
    arrays: Mapping[str, NDArray[Any]] | None
    error: str | None


@dataclass(frozen=True)
class Form:
    """Type and shape of one of a row's arrays.

    Parameters
    ----------
    dtype : str
        NumPy's name.
    shape : tuple of int, or None
        None where it differs from picture to picture.
    """

    dtype: str
    shape: tuple[int, ...] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows(ABC):
    """A question whose answers are rows.

    Parameters
    ----------
    engine : Engine
        The model that is asked.
    """

    engine: Engine

    @abstractmethod
    def rows(self, samples: Iterable[Sample]) -> Iterator[Row]:
        """Give a row a picture, in their order."""

    @abstractmethod
    def settings(self) -> dict[str, str | int]:
        """Describe the question, but for the model."""

    @cached_property
    def forms(self) -> dict[str, Form]:
        """Types and shapes of the arrays, by name: those of a blank picture.

        A shard may have no good one.
        """
        engine = self.engine
        # Where every picture has its own size, a black one stands for all.
        own = np.zeros((*engine.manifest.size, 3), np.uint8)
        blank = engine.blank() if engine.batches_alike else own
        (row,) = self.rows([Sample("blank", blank)])
        if row.arrays is None:
            raise UsageError(f"{row.error}")
        alike = self._are_alike
        return {
            name: Form(each.dtype.name, each.shape if alike or not each.ndim else None)
            for name, each in row.arrays.items()
        }

    @property
    def _are_alike(self) -> bool:
        """Whether the arrays of all pictures have the same shapes."""
        return self.engine.batches_alike


@dataclass(frozen=True, eq=False, kw_only=True)
class _Embedding(PictureResult):
    values: NDArray[np.float32]

    @property
    def finding(self) -> Maps:
        """Raise a TypeError: nobody draws an embedding."""
        raise TypeError("an embedding has no figure")


@dataclass(frozen=True)
class _Embed(Probe[_Embedding]):
    """The embedding, which the file gives as it is."""

    name: ClassVar[str] = "embed"
    gives = Maps

    def reads(self, layout: Layout) -> tuple[str, ...]:
        return (EMBEDDING,)

    def compute(
        self, outputs: Mapping[str, Any], layout: Layout, queries: Sequence[int | None]
    ) -> list[_Embedding]:
        return [_Embedding(values=each) for each in np.asarray(outputs[EMBEDDING])]


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddingRows(Rows):
    """Embeddings: float32 or float16 (width,).

    Parameters
    ----------
    half : bool
        Whether to write them in half precision.
    logits : bool
        Whether rows also have ``logits``, float32 (classes,), and ``top5``, int32: the numbers of
        the likeliest classes, the likeliest first.

    Raises
    ------
    UsageError
        If the model has no embedding, or no logits where they are asked for.
    """

    half: bool = False
    logits: bool = False

    def __post_init__(self) -> None:
        self.engine.reads_of(_Embed())
        if self.logits and LOGITS not in self.engine.outputs:
            raise UsageError(
                f"{self.engine.file} has no head, so it has no logits: leave --logits out."
            )

    def rows(self, samples: Iterable[Sample]) -> Iterator[Row]:
        """Give a row a picture, in their order."""
        return _rows(self.engine, _Embed(), samples, self._arrays)

    @property
    def _are_alike(self) -> bool:
        """They have: an embedding is as wide for an input of any size."""
        return True

    def _arrays(self, result: Result) -> dict[str, NDArray[Any]]:
        kind = np.float16 if self.half else np.float32
        arrays: dict[str, NDArray[Any]] = {"embedding": result.only.values.astype(kind)}
        if self.logits:
            logits = np.asarray(result.only.logits, np.float32)
            best = [each.index for each in best_classes(logits, None, BEST)]
            arrays |= {"logits": logits, "top5": np.array(best, np.int32)}
        return arrays

    def settings(self) -> dict[str, str | int]:
        """Describe the question."""
        return {
            "the question": "embed",
            "the option --half": int(self.half),
            "the option --logits": int(self.logits),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class ProbeRows(Rows):
    """What a probe finds in each picture: its arrays, and what the model saw, ``crop``.

    Parameters
    ----------
    probe : Probe
        Fitted, where it must be.

    Raises
    ------
    UsageError
        If it finds nothing in a single picture, or the model doesn't have what it asks for.
    """

    probe: Probe[Any]

    def __post_init__(self) -> None:
        if isinstance(self.probe, SumProbe):
            raise UsageError(
                f"{self.probe.name} finds nothing in a single picture, so it has no rows: give a "
                "file for its total."
            )
        self.engine.reads_of(self.probe)

    def rows(self, samples: Iterable[Sample]) -> Iterator[Row]:
        """Give a row a picture, in their order."""
        return _rows(self.engine, self.probe, samples, _arrays_of)

    def settings(self) -> dict[str, str | int]:
        """Describe the question."""
        from vitonnx.engine import describe_probe

        said = {f"the probe{what}": each for what, each in describe_probe(self.probe).items()}
        return {"the question": self.probe.name, **said}


def _arrays_of(result: Result) -> dict[str, NDArray[Any]]:
    arrays = {name: np.asarray(each) for name, each in result.only.arrays().items()}
    return {**arrays, "crop": np.array(result.crop, np.float64)}


def _rows(
    engine: Engine, probe: Probe[Any], samples: Iterable[Sample], arrays: Any
) -> Iterator[Row]:
    """Ask a model of samples, which are read ahead of the results."""
    ahead: deque[Sample] = deque()

    def pictures() -> Iterator[Any]:
        for sample in samples:
            ahead.append(sample)
            yield sample.picture

    for result in engine.stream(pictures(), [probe]):
        sample = ahead.popleft()
        found = arrays(result) if result.error is None else None
        reason = None if result.error is None else str(result.error)
        yield Row(sample.id, sample.label, found, reason)
