"""A stage of a pipeline: in order, bounded, and gone when it is left."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from vitonnx.video._ahead import Ahead


def threads() -> int:
    """How many are still at work; one that has ended its work may take a moment to be gone."""
    time.sleep(0.02)
    return sum(thread.name == "vitonnx-video" for thread in threading.enumerate())


def test_all_items_in_order() -> None:
    with Ahead(iter(range(1000)), depth=3) as items:
        assert list(items) == list(range(1000))
        assert list(items) == []
    assert threads() == 0


def test_it_works_ahead_and_no_further() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with Ahead(source(), depth=5) as items:
        assert next(items) == 0
        deadline = time.monotonic() + 10
        while len(made) < 7 and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        # One taken, five waiting, one in the hand.
        assert len(made) == 7


def test_leaving_closes_the_source_in_its_own_thread() -> None:
    closed_in: list[str] = []

    def source() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed_in.append(threading.current_thread().name)

    with Ahead(source(), depth=2) as items:
        next(items)
    assert closed_in == ["vitonnx-video"]
    assert threads() == 0


def test_a_second_ctrl_c_waits_for_the_thread_to_rest() -> None:
    working = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        working.set()
        time.sleep(0.5)
        yield 1

    def leave() -> None:
        with Ahead(source(), depth=2) as items:
            next(items)
            working.wait()
            threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT]).start()

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert threads() == 0


def test_an_error_comes_after_what_was_made_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError("here")

    with Ahead(source(), depth=9) as items:
        assert [next(items), next(items)] == [1, 2]
        with pytest.raises(ZeroDivisionError, match="here"):
            next(items)
    assert threads() == 0


def test_an_error_of_the_taker_stops_it() -> None:
    def fail() -> None:
        with Ahead(iter(int, 1), depth=2) as items:
            next(items)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert threads() == 0
