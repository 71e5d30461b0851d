"""What every result of a probe has, whatever was asked: its arrays, its finding, its figure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from vitonnx.errors import VitonnxError
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import WHOLE, Crop
from vitonnx.probes._finding import Finding

__all__ = ["Found", "PictureResult", "Prediction"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Found(ABC):
    """What a probe found: its fields are the arrays and options that make it up.

    A probe's own result extends `PictureResult`, or for questions to weights `Found` itself.

    Parameters
    ----------
    model : str
        Name of the model that was asked.
    untrained : bool
        Whether its weights are random, so that the result means nothing.
    """

    model: str = ""
    untrained: bool = False

    def __init_subclass__(cls) -> None:
        # Dataclasses would print every number; they leave alone what the class itself defines.
        cls.__repr__ = Found.__repr__  # type: ignore[method-assign]

    @property
    @abstractmethod
    def finding(self) -> Finding:
        """What was found, as one of the neutral shapes: `Maps`, `Table`, `Plate` or `Matrix`."""

    @property
    def drawn(self) -> dict[str, Array]:
        """The arrays of the finding by its fields' names, without any word.

        Words may depend on numbers, which arrays that are being traced don't have: a result whose
        words do so gives its arrays here for itself.
        """
        found = self.finding
        values = {entry.name: getattr(found, entry.name) for entry in fields(found)}
        return {name: value for name, value in values.items() if hasattr(value, "shape")}

    def arrays(self) -> dict[str, Array]:
        """Give the result's own arrays by name: those that its ``.npz`` holds.

        Options, and what is known of the picture, are left out.
        """
        of_picture = {entry.name for entry in fields(PictureResult)}
        own = [entry.name for entry in fields(self) if entry.name not in of_picture]
        return {name: value for name in own if hasattr(value := getattr(self, name), "shape")}

    def plot(self, path: str | Path | None = None) -> Any:
        """Draw the figure that the command line draws; see `vitonnx.plot`.

        Parameters
        ----------
        path : path, optional
            Where to write it: ``.png``, ``.pdf`` or ``.svg``.

        Returns
        -------
        matplotlib.figure.Figure
        """
        # Drawing is none of the probes' business: the front door is asked for it.
        import vitonnx

        return vitonnx.plot(self, path)

    def _repr_png_(self) -> bytes | None:
        """Show itself in a notebook, where there is something to draw."""
        if getattr(self, "error", None) is not None or getattr(self, "pixels", self) is None:
            return None
        try:
            png: bytes = self.plot()._repr_png_()
        except VitonnxError:  # several probes that no one figure holds: its words do
            return None
        return png

    def __repr__(self) -> str:
        values = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.repr}
        said = [f"{name}={_brief(value)}" for name, value in values.items() if _is_said(value)]
        return f"{type(self).__name__}({', '.join(said)})"


@dataclass(frozen=True)
class Prediction:
    """The class with the highest logit.

    Parameters
    ----------
    index : int
        Index of the class.
    label : str or None
        Its name, where the model knows it.
    probability : float
        Softmax over the logits.
    """

    index: int
    label: str | None
    probability: float


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class PictureResult(Found):
    """What a probe found in one picture; the engine fills in what follows.

    Parameters
    ----------
    file : str
        The picture's path as it was given, or ``picture 3`` for the fourth that isn't a file.
    crop : (left, top, right, bottom) or None
        What the model's patches saw, in pixels of the picture; None if it couldn't be read. It
        reaches beyond the picture where the input is padded.
    inside : (left, top, right, bottom)
        The part of the crop that is picture and not padding, in shares of its sides.
    pixels : uint8 (height, width, 3) or None
        What the patches saw, resized.
    logits : float32 (classes,) or None
        None where the model has no head.
    embedding : float32 (width,) or None
        What the head reads; None where the probe doesn't ask for it.
    prediction : Prediction or None
        The likeliest class, from the logits.
    error : VitonnxError or None
        Why there is no result.
    """

    file: str = ""
    crop: Crop | None = None
    inside: Crop = field(default=WHOLE, repr=False)
    pixels: Array | None = field(default=None, repr=False)
    logits: Array | None = field(default=None, repr=False)
    embedding: Array | None = field(default=None, repr=False)
    prediction: Prediction | None = None
    error: VitonnxError | None = None


def _is_said(value: Any) -> bool:
    """Leave out what is not there."""
    return value is not None and value is not False and not (isinstance(value, str) and not value)


def _brief(value: Any) -> str:
    """Write a value on a line: arrays by their dtype and shape."""
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype} {tuple(value.shape)}"
    return repr(value)
