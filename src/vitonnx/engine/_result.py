"""What the engine says of one picture."""

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
        Of the class.
    label : str or None
        Its name, where the model knows it.
    probability : float
        Softmax over the logits.
    """

    index: int
    label: str | None
    probability: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """All that was found in one picture.

    With one probe, the attributes of its result are attributes of this one too:
    ``result.attention`` is ``result["heads"].attention``.

    Parameters
    ----------
    file : str
        The picture's path as it was given, or ``picture 3`` for the fourth that isn't a file.
    crop : (left, top, right, bottom) or None
        What the model's patches saw, in pixels of the picture; None if it couldn't be read. It
        reaches beyond the picture where the input is padded.
    inside : (left, top, right, bottom)
        What of that is picture and not padding, in shares of its sides.
    pixels : uint8 (height, width, 3) or None
        What they saw, resized.
    logits : float32 (classes,) or None
        None where the model has no head.
    prediction : Prediction or None
        Made of the logits.
    values : mapping of str to result
        By the probes' names.
    error : VitonnxError or None
        Why there is no result.
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
            raise AttributeError(f"{self.file} has no {name}, as it failed: {error}") from error
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
        Of one picture.
    classes : tuple of str or None
        Their names, where the model knows them.
    count : int
        How many; all, where there are fewer.

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
