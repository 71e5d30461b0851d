"""Try a property on value after value, drawn by Hypothesis, until its time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as seeded
from hypothesis.strategies import SearchStrategy

from fuzz.options import note, seconds_of
from fuzz.sentence import fault_in
from fuzz.tally import Tally
from fuzz.verdict import Outcome
from vitonnx.errors import VitonnxError
from vitonnx.filenames import shown

__all__ = ["explore"]

Value = TypeVar("Value")
# No data base, as what is found becomes a test, and no run depends on the one before it; and so
# many values between two looks at the clock.
SETTINGS: dict[str, Any] = {
    "database": None,
    "deadline": None,
    "max_examples": 200,
    "suppress_health_check": list(HealthCheck),
}


def explore(
    request: pytest.FixtureRequest,
    name: str,
    values: SearchStrategy[Value],
    check: Callable[[Value], None],
    refusal: type[VitonnxError] | tuple[()] = (),
) -> None:
    """Try a property; the smallest value that breaks it stands in the report.

    Parameters
    ----------
    request : FixtureRequest
        Of the test.
    name : str
        As the table has it.
    values : SearchStrategy
        What is tried.
    check : callable
        Raises an error where the property doesn't hold.
    refusal : type of VitonnxError, optional
        By which a value may be refused, in a sentence.
    """
    number: int = request.config.getoption("--fuzz-seed")
    tally = Tally(name, number)

    @settings(**SETTINGS)
    @given(values)
    def holds(value: Value) -> None:
        outcome: Outcome = "unexpected"
        try:
            check(value)
            outcome = "accepted"
        except refusal as error:
            outcome = "bad sentence" if fault_in(shown(str(error))) else "refused"
            if outcome == "bad sentence":
                raise
        finally:
            tally.counts[outcome] += 1

    until = time.monotonic() + seconds_of(request)
    try:
        for round_ in count():
            seeded(f"{name} {number} {round_}")(holds)()
            if time.monotonic() > until:
                return
    finally:
        note(request, tally)
