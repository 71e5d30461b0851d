"""Buckets of permissions: how often something may be done."""

from __future__ import annotations

import pytest

from vitonnx.app import _bucket
from vitonnx.app._bucket import Buckets


class Clock:
    def __init__(self) -> None:
        self.now = 17.0

    def __call__(self) -> float:
        return self.now


def test_as_many_at_once_as_it_holds_and_no_more() -> None:
    buckets = Buckets(5, 1, clock=Clock())
    assert [buckets.take("anna") for _ in range(7)] == [True] * 5 + [False] * 2


def test_it_fills_again_but_never_beyond_its_size() -> None:
    clock = Clock()
    buckets = Buckets(3, 0.5, clock=clock)
    for _ in range(3):
        buckets.take("anna")
    clock.now += 1.9
    assert not buckets.take("anna")
    clock.now += 0.2
    assert [buckets.take("anna"), buckets.take("anna")] == [True, False]
    clock.now += 1e6
    assert [buckets.take("anna") for _ in range(4)] == [True] * 3 + [False]


def test_who_is_refused_loses_nothing_by_asking() -> None:
    clock = Clock()
    buckets = Buckets(1, 1, clock=clock)
    assert buckets.take("anna")
    for _ in range(10):
        clock.now += 0.0999
        assert not buckets.take("anna")
    clock.now += 0.002
    assert buckets.take("anna")


def test_over_a_long_time_the_rate_counts() -> None:
    clock = Clock()
    buckets = Buckets(7, 3, clock=clock)
    taken = 0
    for _ in range(1100):
        clock.now += 0.01
        taken += buckets.take("anna")
    assert taken == 7 + 32  # the first takes from a full bucket, so that 10.99 s fill it


def test_one_name_takes_nothing_from_another() -> None:
    buckets = Buckets(2, 1, clock=Clock())
    for _ in range(100):
        buckets.take("anna")
    assert buckets.take("bob")


def test_no_more_names_are_remembered_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_bucket, "MOST", 5)
    buckets = Buckets(1, 0.001, clock=Clock())
    assert buckets.take("anna")
    for number in range(4):
        buckets.take(f"stranger {number}")
    assert not buckets.take("anna")  # still remembered, and now the one seen last
    for number in range(5):
        buckets.take(f"other {number}")
    assert buckets.take("anna")
