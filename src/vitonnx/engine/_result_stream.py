"""What the engine finds in one picture, the class that it predicts, and results as they come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.probes import (
    AddingProbe,
    Finding,
    PictureResult,
    Prediction,
    Probe,
    SumProbe,
    Total,
    answering,
    best_of_logits,
    probabilities,
)

__all__ = ["Prediction", "Result", "Stream", "best_classes", "predict", "predict_each"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Result(PictureResult):
    """What several probes found in one picture.

    Each probe's result is an item, and an attribute, of the probe's name: ``result.heads`` is
    ``result["heads"]``.

    Parameters
    ----------
    values : mapping of str to PictureResult
        By the probes' names.
    sums : mapping of str to Total, or None
        Of the last picture of a batch: what the batch comes to, by the names of those probes that
        find nothing in a single picture.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    sums: Mapping[str, Total] | None = field(default=None, repr=False)

    @property
    def finding(self) -> Finding:
        """The finding of the only probe.

        Raises
        ------
        UsageError
            If there are several.
        """
        only = self.only
        with answering(only):
            finding: Finding = only.finding
        return finding

    @property
    def only(self) -> Any:
        """The result of the only probe.

        Raises
        ------
        UsageError
            If there are several.
        """
        if len(self.values) != 1:
            raise UsageError(
                f"{self.file} has results of {', '.join(self.values) or 'no probe'}: choose one, "
                'as in result["heads"].'
            )
        return next(iter(self.values.values()))

    def __getitem__(self, probe: str) -> Any:
        if self.error is not None:
            raise KeyError(f"{self.file} has no {probe}, as it failed: {self.error}")
        return self.values[probe]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        values, error = self.__dict__.get("values", {}), self.__dict__.get("error")
        if error is not None:
            raise AttributeError(f"{self.file} has no {name}, as it failed: {error}") from error
        if name in values:
            return values[name]
        if len(values) == 1:
            return getattr(next(iter(values.values())), name)
        raise AttributeError(
            f"a result of {', '.join(values) or 'no probe'} has no attribute {name!r}"
        )


def predict(logits: NDArray[np.float32], classes: tuple[str, ...] | None) -> Prediction:
    """Find the likeliest class of one picture.

    Examples
    --------
    >>> predict(np.array([0.0, 1.0], np.float32), ("cat", "dog")).label
    'dog'
    """
    (best,) = predict_each(logits[None], classes)
    return best


def predict_each(logits: NDArray[np.float32], classes: tuple[str, ...] | None) -> list[Prediction]:
    """Find the likeliest class of every picture, the first of equal ones.

    Parameters
    ----------
    logits : float32 (batch, classes)
        Scores.
    classes : tuple of str or None
        Class names, if the model has them.

    Examples
    --------
    >>> scores = np.array([[0.0, 1.0], [2.0, 1.0]], np.float32)
    >>> [best.label for best in predict_each(scores, ("cat", "dog"))]
    ['dog', 'cat']
    """
    scores = logits.astype(np.float64)
    indices, shares = scores.argmax(axis=-1), probabilities(scores).max(axis=-1)
    return _named(indices, shares, classes)


def best_classes(
    logits: NDArray[np.float32], classes: tuple[str, ...] | None, count: int
) -> list[Prediction]:
    """Find the likeliest classes, the likeliest first.

    Parameters
    ----------
    logits : float32 (classes,)
        Scores of one picture.
    classes : tuple of str or None
        Class names, if the model has them.
    count : int
        Number of classes to return, or all if there are fewer.

    Examples
    --------
    >>> [best.label for best in best_classes(np.arange(3.0), ("cat", "dog", "owl"), 2)]
    ['owl', 'dog']
    """
    indices, shares = best_of_logits(logits.astype(np.float64), count)
    return _named(indices, shares, classes)


def _named(indices: Any, shares: Any, classes: tuple[str, ...] | None) -> list[Prediction]:
    """Give predictions of classes, with their names where these are known."""
    return [
        Prediction(index, classes[index] if classes and index < len(classes) else None, share)
        for index, share in zip(indices.tolist(), shares.tolist(), strict=True)
    ]


class Stream(Iterator[Result]):
    """The results of a pass over any number of pictures, one at a time.

    Attributes
    ----------
    summary : mapping of str to Total
        Totals of the results taken so far, by the names of those probes that have totals;
        pictures with an error don't count. Those of probes that find nothing in a single picture,
        such as `CKA`, grow batch by batch.
    """

    def __init__(
        self,
        results: Iterator[Result],
        probes: Sequence[Probe[Any]],
        summary: Mapping[str, Total],
    ) -> None:
        self._results = results
        self._totalled = {probe.name: probe for probe in probes if isinstance(probe, AddingProbe)}
        self.summary: dict[str, Any] = {
            name: summary.get(name) or probe.summary() for name, probe in self._totalled.items()
        }

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Result:
        result = next(self._results)
        for name, probe in self._totalled.items():
            with answering(probe):
                if isinstance(probe, SumProbe):
                    part = (result.sums or {}).get(name)
                else:
                    part = probe.summary([result[name]]) if result.error is None else None
                if part is not None:
                    self.summary[name] = self.summary[name].merge(part)
        return result
