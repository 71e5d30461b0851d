"""Result of the engine for one picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import VitonnxError
from vitonnx.probes import WHOLE, Crop

__all__ = ["Prediction", "Result", "best_classes", "predict"]


@dataclass(frozen=True)
class Prediction:
    """The class that a model's head names first.

    Parameters
    ----------
    index : int
        Index of the class.
    label : str or None
        Name of the class, if the model has one.
    probability : float
        Softmax over the logits.
    """

    index: int
    label: str | None
    probability: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Results of all probes for one picture.

    With a single probe, the attributes of its result are available directly: ``result.attention``
    is ``result["heads"].attention``.

    Parameters
    ----------
    file : str
        The picture's path as it was given, or ``picture 3`` for the fourth that isn't a file.
    crop : (left, top, right, bottom) or None
        Part of the picture that the patches cover, in its pixels; None if it couldn't be read. It
        extends beyond the picture if the input is padded.
    inside : (left, top, right, bottom)
        The picture's share of that part (the rest is padding).
    pixels : uint8 (height, width, 3) or None
        Pixels of that part, as resized for the model.
    logits : float32 (classes,) or None
        Class scores; None if the model has no head.
    prediction : Prediction or None
        Likeliest class; None if the model has no head.
    values : mapping of str to result
        Results by the probes' names.
    error : VitonnxError or None
        Reason why there is no result.
    """

    file: str
    crop: Crop | None = None
    inside: Crop = WHOLE
    pixels: NDArray[np.uint8] | None = None
    logits: NDArray[np.float32] | None = None
    prediction: Prediction | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    error: VitonnxError | None = None

    def __getitem__(self, probe: str) -> Any:
        return self.values[probe]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __getattr__(self, name: str) -> Any:
        values, error = self.__dict__.get("values", {}), self.__dict__.get("error")
        if error is not None and not name.startswith("__"):
            raise AttributeError(
                f"{self.file} has no {name}, because it failed: {error}"
            ) from error
        if len(values) == 1 and not name.startswith("__"):
            return getattr(next(iter(values.values())), name)
        raise AttributeError(
            f"a result of {', '.join(values) or 'no probe'} has no attribute {name!r}"
        )


def predict(logits: NDArray[np.float32], classes: tuple[str, ...] | None) -> Prediction:
    """Find the likeliest class.

    Examples
    --------
    >>> predict(np.array([0.0, 1.0], np.float32), ("cat", "dog")).label
    'dog'
    """
    (best,) = best_classes(logits, classes, 1)
    return best


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

    Returns
    -------
    list of Prediction

    Examples
    --------
    >>> [best.label for best in best_classes(np.arange(3.0), ("cat", "dog", "owl"), 2)]
    ['owl', 'dog']
    """
    odds = np.exp(logits.astype(np.float64) - logits.max())
    shares = odds / odds.sum()
    order = np.argsort(-odds, kind="stable")[:count]
    return [
        Prediction(int(index), _label(int(index), classes), float(shares[index])) for index in order
    ]


def _label(index: int, classes: tuple[str, ...] | None) -> str | None:
    return classes[index] if classes and index < len(classes) else None
