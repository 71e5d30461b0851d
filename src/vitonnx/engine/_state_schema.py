"""Validate a state file, which may come from anywhere."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, InstanceOf, NonNegativeInt

from vitonnx.engine._survey import Survey
from vitonnx.layout import Layout
from vitonnx.probes import Total

__all__ = ["Counting", "Pass", "StateContent", "to_entry", "to_surveys"]

# Names may hold what no encoding has, which Pydantic's own strings may not.
Text = InstanceOf[str]

READABLE = 2**14  # numbers that are written as such; larger arrays are as long again in base 64
LEAST_BYTES = 2**23  # of all others


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Packed(_Strict):
    """A large array: doubles, little-endian, in base 64."""

    shape: list[NonNegativeInt]
    float64: Text


Part = float | list[float] | list[list[float]] | _Packed


class _Survey(_Strict):
    position: NonNegativeInt
    count: NonNegativeInt
    parts: dict[Text, Part]
    skipped: dict[Text, Text]
    crops: _Packed | list[list[float]]


class _State(_Strict):
    settings: dict[Text, Text | int]
    surveys: list[_Survey]


class StateContent(_Strict):
    """The whole file."""

    state: _State
    sha256: Text


class Counting(Protocol):
    """A question whose answers add up over pictures: a probe's, or an evaluation's."""

    def nothing(self, layout: Layout) -> Total:
        """Give the total of no picture."""

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that a total takes."""

    def check(self, total: Any, layout: Layout) -> None:
        """Raise a ValueError, with what is wrong, if a total can't be one of this question."""


@dataclass(frozen=True)
class Pass:
    """One pass over the pictures: of one model, and of one of the questions put to it."""

    probe: Counting
    layout: Layout
    batch_size: int  # after so many pictures a state may be left

    @property
    def most_bytes(self) -> int:
        """Give the bytes that its numbers may have in a state."""
        return LEAST_BYTES + 3 * self.probe.bytes_of(self.layout)


def to_entry(found: Survey) -> dict[str, Any]:
    """Write a survey as JSON has it; numbers come back to the last bit."""
    return {
        "position": found.position,
        "count": found.summary.count,
        "parts": {name: _written(part) for name, part in found.summary.parts().items()},
        "skipped": found.skipped,
        "crops": _written(np.asarray(found.crops, np.float64).reshape(-1, 4)),
    }


def _written(part: Any) -> Any:
    array = np.asarray(part, "<f8")
    if array.ndim <= 2 and array.size <= READABLE:
        return array.tolist()
    return {"shape": list(array.shape), "float64": base64.b64encode(array.tobytes()).decode()}


def to_surveys(state: _State, files: Sequence[str], passes: Sequence[Pass]) -> list[Survey]:
    """Turn a state into surveys, one per pass, each begun when the one before has ended.

    Raise a ValueError that says why the run at hand can't have left it.
    """
    if len(state.surveys) != len(passes):
        raise ValueError(f"it holds {len(state.surveys)} models instead of {len(passes)}")
    surveys = [
        _to_survey(entry, files, each) for entry, each in zip(state.surveys, passes, strict=True)
    ]
    begun = [number for number, found in enumerate(surveys) if found.position]
    for number, found in enumerate(surveys[: max(begun, default=0)]):
        # Where no picture could be used, the questions behind were never put.
        nothing = number and surveys[number - 1].position and not surveys[number - 1].summary.count
        if found.position < len(files) and not (nothing and not found.position):
            raise ValueError("a model began before the previous one was done")
    return surveys


def _to_survey(entry: _Survey, files: Sequence[str], each: Pass) -> Survey:
    at, last = entry.position, len(files)
    if at > last or (at % each.batch_size and at < last):
        raise ValueError(f"a position of {at} among {last} pictures, {each.batch_size} at a time")
    before = files[:at]
    if not entry.skipped.keys() <= set(before):
        raise ValueError("a picture was skipped that wasn't reached yet")
    good = sum(1 for file in before if file not in entry.skipped)
    if entry.count != good:
        raise ValueError(f"a count of {entry.count} after {good} good pictures")
    crops = _to_array(entry.crops)
    if crops.shape not in ((good, 4), (0,), (0, 4)):
        raise ValueError(f"crops of shape {crops.shape} after {good} good pictures")
    total = _to_total({name: _to_array(part) for name, part in entry.parts.items()}, each, good)
    return Survey(at, total, dict(entry.skipped), [tuple(crop) for crop in crops.tolist()])


def _to_total(parts: Mapping[str, NDArray[np.float64]], each: Pass, good: int) -> Total:
    """Make a total of its parts, which are those of no picture, or all finite."""
    nothing: Total = each.probe.nothing(each.layout)
    if parts.keys() != nothing.parts().keys():
        raise ValueError(f"the parts {', '.join(parts) or 'none'}")
    if not good:
        for name, part in nothing.parts().items():
            if parts[name].shape or not np.array_equal(parts[name], part, equal_nan=True):
                raise ValueError("numbers without a picture")
        return nothing
    for name, part in parts.items():
        if not np.isfinite(part).all():
            raise ValueError(f"{name} that aren't numbers")
    numbers = {name: float(part) if part.ndim == 0 else part for name, part in parts.items()}
    total: Total = type(nothing).of_parts(good, numbers)
    each.probe.check(total, each.layout)
    return total


def _to_array(part: Part) -> NDArray[np.float64]:
    if not isinstance(part, _Packed):
        return np.array(part, np.float64)
    content = base64.b64decode(part.float64, validate=True)
    if len(content) != 8 * math.prod(part.shape):
        raise ValueError(f"an array of shape {tuple(part.shape)} in {len(content)} bytes")
    return np.frombuffer(content, "<f8").reshape(part.shape)
