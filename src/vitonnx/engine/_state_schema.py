"""Validate a state file, which may come from anywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, InstanceOf, NonNegativeInt

from vitonnx.engine._survey import Survey
from vitonnx.probes import Summary

__all__ = ["Pass", "StateContent", "to_surveys"]

ROUNDING = 1e-3  # of attention in 16 bits, whose rows don't quite sum to 1
# Names may hold what no encoding has, which Pydantic's own strings may not.
Text = InstanceOf[str]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Survey(_Strict):
    position: NonNegativeInt
    count: NonNegativeInt
    mean: float | list[list[float]]
    squares: float | list[list[float]]
    skipped: dict[Text, Text]


class _State(_Strict):
    settings: dict[Text, Text | int]
    surveys: list[_Survey]


class StateContent(_Strict):
    """The whole file."""

    state: _State
    sha256: Text


@dataclass(frozen=True)
class Pass:
    """One model's pass over the pictures."""

    shape: tuple[int, ...]  # of the result for one picture
    largest: float  # that a result can be; 0 is the least
    batch_size: int  # after so many pictures a state may be left


def to_surveys(state: _State, files: Sequence[str], passes: Sequence[Pass]) -> list[Survey]:
    """Turn a state into surveys, one per model and pass, each begun when the one before has ended.

    Raise a ValueError that says why the run at hand can't have left it.
    """
    if len(state.surveys) != len(passes):
        raise ValueError(f"it holds {len(state.surveys)} models instead of {len(passes)}")
    surveys = [
        _to_survey(entry, files, each) for entry, each in zip(state.surveys, passes, strict=True)
    ]
    positions = [found.position for found in surveys]
    begun = [number for number, position in enumerate(positions) if position]
    if any(position < len(files) for position in positions[: max(begun, default=0)]):
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
    mean, squares = (_to_array(numbers, each, good) for numbers in (entry.mean, entry.squares))
    if good:
        _refuse_beyond("means", mean, each.largest, slack=ROUNDING * each.largest)
        # Nothing deviates by more than that from its mean.
        _refuse_beyond("squares", squares, good * ((1 + ROUNDING) * each.largest) ** 2)
    return Survey(at, Summary(good, mean, squares), dict(entry.skipped))


def _refuse_beyond(what: str, numbers: Any, largest: float, slack: float = 0.0) -> None:
    """Refuse values below zero or above the largest."""
    least, most = float(numbers.min()), float(numbers.max())
    if least < -slack or most > largest + slack:
        raise ValueError(f"{what} from {least:g} to {most:g}, where 0 to {largest:g} can be")


def _to_array(numbers: float | list[list[float]], each: Pass, count: int) -> Any:
    """Make an array of one of a summary's two, which are NaN of no picture."""
    array = np.array(numbers, np.float64)
    if not count:
        if array.shape or not math.isnan(array):
            raise ValueError("numbers without a picture")
        return array
    if array.shape != each.shape:
        raise ValueError(f"means of shape {array.shape} instead of {each.shape}")
    if not np.isfinite(array).all():
        raise ValueError("means that aren't numbers")
    return array
