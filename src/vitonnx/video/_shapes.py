"""The shapes of findings that a video shows: as arrays of a frame, and how these get colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vitonnx.plots import Key, Legend, Scale, colours_of, scale_of_stream
from vitonnx.probes import ClassMaps, ColourMaps, Maps
from vitonnx.video._video_options import ScaleKind

__all__ = ["SHAPES", "Answer", "Keying", "Shape"]

Keying: TypeAlias = Callable[[NDArray[Any]], Key]
"""Gives what the values of a frame mean."""

# Where an even share of the attention is 1, what is looked at has some 5 to 50.
EVEN_SHARES = 10


class Answer(NamedTuple):
    """What a model says to a probe in all frames.

    Parameters
    ----------
    first : finding
        Of the first frame.
    patches : int
        Of the model's input.
    read : callable
        Gives the arrays of all frames, each time it is called.
    """

    first: Any
    patches: int
    read: Callable[[], Iterable[NDArray[Any]]]


@dataclass(frozen=True)
class Shape:
    """What a video does with findings of one shape.

    Parameters
    ----------
    number : str
        Of a value in a file, as NumPy calls it. Whole numbers are never averaged.
    channels : tuple of int
        Shape of what each patch has.
    arrays : callable
        Gives the array (maps, rows, columns, *channels) of a finding.
    waits : callable
        Tells whether the colours depend on the whole video.
    keyings : callable
        Gives a keying for each of the answers that are side by side. What doesn't wait reads
        nothing.
    """

    number: str
    channels: tuple[int, ...]
    arrays: Callable[[Any], NDArray[Any]]
    waits: Callable[[ScaleKind], bool]
    keyings: Callable[[Sequence[Answer], ScaleKind], list[Keying]]


def _coloured(finding: ColourMaps) -> NDArray[np.float32]:
    """Give colours that can be averaged: what has none weighs nothing."""
    colours = colours_of(finding)
    colours[..., :3] *= colours[..., 3:]
    return colours[None]


def _scaled(answers: Sequence[Answer], scale: ScaleKind) -> list[Keying]:
    """Give maps scales of their own, from 0 or from the lowest value."""
    return [_scaling(answer, scale) for answer in answers]


def _scaling(answer: Answer, scale: ScaleKind) -> Keying:
    maps: Maps = answer.first
    if scale == "frame":
        return lambda values: Scale.over(values, low=0.0 if maps.from_zero else float(values.min()))
    if scale == "fixed":
        same = Scale(low=0.0, high=EVEN_SHARES / answer.patches, clipped=True)
    else:
        same = scale_of_stream(answer.read, low=0.0 if maps.from_zero else None)
    return partial(_always, same)


def _plain(answers: Sequence[Answer], scale: ScaleKind) -> list[Keying]:
    return [partial(_always, None)] * len(answers)


def _named(answers: Sequence[Answer], scale: ScaleKind) -> list[Keying]:
    """Give the most frequent classes of all models the same colours."""
    legends = Legend.of_models([(answer.read(), answer.first.classes) for answer in answers])
    return [partial(_always, legend) for legend in legends]


def _always(key: Key, values: NDArray[Any]) -> Key:
    return key


def _values(finding: Maps | ClassMaps) -> NDArray[Any]:
    return np.asarray(finding.values)


SHAPES: dict[type, Shape] = {
    Maps: Shape("<f4", (), _values, lambda scale: scale == "video", _scaled),
    ColourMaps: Shape("<f4", (4,), _coloured, lambda scale: False, _plain),
    ClassMaps: Shape("<i4", (), _values, lambda scale: True, _named),
}
