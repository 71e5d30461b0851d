"""Validate a state file, which may come from anywhere."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, NonNegativeInt

from vitonnx.dataset import Dataset
from vitonnx.engine._survey import Survey
from vitonnx.layout import Layout
from vitonnx.probes import Total

__all__ = [
    "Counting",
    "Pass",
    "StateContent",
    "TotalEntry",
    "to_entry",
    "to_surveys",
    "total_entry",
    "total_of_entry",
]

# Names may hold what no encoding has, which Pydantic's own strings may not.
Text = InstanceOf[str]

READABLE = 2**14  # numbers that are written as such; larger arrays are as long again in base 64
LEAST_BYTES = 2**23  # of all others
MOST_PICTURES = 2**53  # which doubles count one by one


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Packed(_Strict):
    """A large array: doubles, little-endian, in base 64."""

    shape: list[NonNegativeInt]
    float64: Text


Part = float | list[float] | list[list[float]] | _Packed


class TotalEntry(_Strict):
    """A total as JSON has it."""

    count: Annotated[int, Field(ge=0, le=MOST_PICTURES)]
    parts: dict[Text, Part]


class _Survey(TotalEntry):
    position: NonNegativeInt
    shard: NonNegativeInt
    passed: NonNegativeInt
    before: TotalEntry
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
        "shard": found.shard,
        "passed": found.passed,
        "before": total_entry(found.before),
        "position": found.position,
        **total_entry(found.own),
        "skipped": found.skipped,
        "crops": _written(np.asarray(found.crops, np.float64).reshape(-1, 4)),
    }


def total_entry(total: Total) -> dict[str, Any]:
    """Write a total as JSON has it; numbers come back to the last bit."""
    parts = {name: _written(part) for name, part in total.parts().items()}
    return {"count": total.count, "parts": parts}


def _written(part: Any) -> Any:
    array = np.asarray(part, "<f8")
    if array.ndim <= 2 and array.size <= READABLE:
        return array.tolist()
    return {"shape": list(array.shape), "float64": base64.b64encode(array.tobytes()).decode()}


def to_surveys(state: _State, dataset: Dataset, passes: Sequence[Pass]) -> list[Survey]:
    """Turn a state into surveys, one per pass, each begun when the one before has ended.

    Raise a ValueError that says why the run at hand can't have left it.
    """
    if len(state.surveys) != len(passes):
        raise ValueError(f"it holds {len(state.surveys)} models instead of {len(passes)}")
    surveys = [
        _to_survey(entry, dataset, each) for entry, each in zip(state.surveys, passes, strict=True)
    ]
    begun = [number for number, found in enumerate(surveys) if found.pictures]
    count = dataset.count
    for number, found in enumerate(surveys[: max(begun, default=0)]):
        # Where no picture could be used, the questions behind were never put.
        nothing = number and surveys[number - 1].pictures and not surveys[number - 1].summary.count
        if nothing and not found.pictures:
            continue
        # How many pictures a tar has, nobody knows before its end.
        behind = max(each.pictures for each in surveys[number + 1 :])
        if found.pictures < (behind if count is None else count):
            raise ValueError("a model began before the previous one was done")
    return surveys


def _to_survey(entry: _Survey, dataset: Dataset, each: Pass) -> Survey:
    good = _good_before(entry, dataset, each)
    crops = _to_array(entry.crops)
    if crops.shape not in ((good, 4), (0,), (0, 4)):
        raise ValueError(f"crops of shape {crops.shape} after {good} good pictures")
    return Survey(
        position=entry.position,
        own=total_of_entry(entry, each.probe, each.layout),
        skipped=dict(entry.skipped),
        crops=[tuple(crop) for crop in crops.tolist()],
        shard=entry.shard,
        passed=entry.passed,
        before=total_of_entry(entry.before, each.probe, each.layout),
    )


def _good_before(entry: _Survey, dataset: Dataset, each: Pass) -> int:
    """Count the good pictures so far, and raise a ValueError where the entry counts others."""
    shards, at = dataset.shards, entry.position
    if entry.shard > len(shards):
        raise ValueError(f"{entry.shard} shards of {len(shards)}")
    last = shards[entry.shard].count if entry.shard < len(shards) else 0
    if (last is not None and at > last) or (at % each.batch_size and at < (last or 0)):
        raise ValueError(f"a position of {at} among {last} pictures, {each.batch_size} at a time")
    passed = Dataset(shards[: entry.shard]).count
    if passed is not None and entry.passed != passed:
        raise ValueError(f"{entry.passed} pictures in {entry.shard} shards, which have {passed}")
    good = entry.passed + at - len(entry.skipped)
    if dataset.is_listed:
        names = Dataset(shards[: entry.shard + 1]).files[: entry.passed + at]
        if not entry.skipped.keys() <= set(names):
            raise ValueError("a picture was skipped that wasn't reached yet")
        # A file may be named twice, and then is skipped twice.
        good = sum(1 for name in names if name not in entry.skipped)
    counted = entry.before.count + entry.count
    if counted != good:
        raise ValueError(f"a count of {counted} after {good} good pictures")
    return good


def total_of_entry(entry: TotalEntry, question: Counting, layout: Layout) -> Total:
    """Make a total of its parts, which are those of no picture, or all finite.

    Raise a ValueError that says why it can't be one of this question.
    """
    good, parts = entry.count, {name: _to_array(part) for name, part in entry.parts.items()}
    nothing: Total = question.nothing(layout)
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
    question.check(total, layout)
    return total


def _to_array(part: Part) -> NDArray[np.float64]:
    if not isinstance(part, _Packed):
        return np.array(part, np.float64)
    content = base64.b64decode(part.float64, validate=True)
    if len(content) != 8 * math.prod(part.shape):
        raise ValueError(f"an array of shape {tuple(part.shape)} in {len(content)} bytes")
    return np.frombuffer(content, "<f8").reshape(part.shape)
