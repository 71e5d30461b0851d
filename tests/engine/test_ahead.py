import threading
import time
from collections.abc import Iterator

import pytest

from vitonnx.engine._map_ahead import map_ahead


def test_results_keep_the_order_of_their_items() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    found = list(map_ahead(slow_first, range(17), threads=5, ahead=7))
    assert found == [number * number for number in range(17)]


@pytest.mark.parametrize("ahead", [1, 3, 7])
def test_no_more_than_a_few_items_are_begun_ahead(ahead: int) -> None:
    taken = 0

    def endless() -> Iterator[int]:
        nonlocal taken
        while True:
            yield taken
            taken += 1

    results = map_ahead(lambda number: number, endless(), threads=2, ahead=ahead)
    for number in range(11):
        assert next(results) == number
        assert taken <= number + ahead


def test_the_next_item_is_done_while_a_result_is_used() -> None:
    begun = threading.Event()

    def note_the_second(number: int) -> int:
        if number == 1:
            begun.set()
        return number

    results = map_ahead(note_the_second, range(3), threads=1, ahead=1)
    assert next(results) == 0
    assert begun.wait(5)


def test_errors_come_in_their_place_and_end_it() -> None:
    def refuse_two(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    results = map_ahead(refuse_two, range(100), threads=3, ahead=5)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_nothing_more_is_begun_when_nobody_wants_the_rest() -> None:
    begun = []

    def slow(number: int) -> int:
        begun.append(number)
        time.sleep(0.05)
        return number

    before = set(threading.enumerate())
    results = map_ahead(slow, range(1000), threads=1, ahead=9)
    assert next(results) == 0
    results.close()
    ours = set(threading.enumerate()) - before
    for thread in ours:
        thread.join(5)
        assert not thread.is_alive()
    # The first, and what the one thread may have taken up before the others were called off.
    assert len(begun) <= 3
