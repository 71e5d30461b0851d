"""A memory that never holds more than it may."""

from __future__ import annotations

import random
import threading
import time

import pytest

from vitonnx.app._memory import HOUR, Memory

ANNA, BOB, CAROL, DAN = [(name, 1) for name in ("anna", "bob", "carol", "dan")]


@pytest.fixture
def memory() -> Memory[bytes]:
    memory: Memory[bytes] = Memory(7, len)
    for owner in (ANNA, BOB, CAROL):
        memory.keep(owner, b"ab")
    return memory


def test_what_was_not_used_for_longest_goes_first(memory: Memory[bytes]) -> None:
    assert memory.get(ANNA) == b"ab"
    memory.keep(DAN, b"abc")
    kept = [memory.get(owner) for owner in (ANNA, BOB, CAROL, DAN)]
    assert (kept, memory.held) == ([b"ab", None, b"ab", b"abc"], 7)


def test_what_is_larger_than_all_of_it_is_not_kept_and_drives_nobody_out(
    memory: Memory[bytes],
) -> None:
    memory.keep(DAN, b"abcdefgh")
    assert memory.get(DAN) is None
    assert memory.held == 6
    memory.keep(ANNA, b"abcdefgh")  # the older one is not true any more
    assert (memory.get(ANNA), memory.get(BOB), memory.held) == (None, b"ab", 4)


def test_a_value_takes_the_place_of_an_older_one_and_may_fill_it_exactly(
    memory: Memory[bytes],
) -> None:
    memory.keep(ANNA, b"x")
    assert (memory.get(ANNA), memory.held) == (b"x", 5)
    memory.keep(ANNA, b"abcdefg")
    assert (memory.get(ANNA), memory.get(BOB), memory.held) == (b"abcdefg", None, 7)


def test_one_owner_is_forgotten_and_nobody_else(memory: Memory[bytes]) -> None:
    for key in (("anna", 2, "x"), ("annabel", 1)):
        memory.keep(key, b"")
    for owner in ("anna", "nobody"):
        memory.forget(owner)
    assert [memory.get(key) for key in (ANNA, ("anna", 2, "x"))] == [None, None]
    assert [memory.get(key) for key in (("annabel", 1), BOB)] == [b"", b"ab"]
    assert memory.held == 4


def test_nothing_is_kept_for_more_than_an_hour(memory: Memory[bytes]) -> None:
    now = time.monotonic()
    memory.tidy(now + HOUR - 60)
    assert (memory.get(ANNA), memory.held) == (b"ab", 6)
    memory.tidy(now + HOUR + 60)
    assert (memory.get(ANNA), memory.held) == (None, 0)


def test_many_threads_never_exceed_it() -> None:
    memory = Memory(50, len)
    most: list[int] = []

    def use(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(2000):
            owner = f"visitor {chance.randrange(7)}"
            match chance.randrange(3):
                case 0:
                    memory.keep((owner, chance.randrange(5)), bytes(chance.randrange(1, 23)))
                case 1:
                    memory.get((owner, chance.randrange(5)))
                case _:
                    memory.forget(owner)
            most.append(memory.held)

    threads = [threading.Thread(target=use, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A value may be seen in the middle of being kept: before others have gone for it.
    assert max(most) < 50 + 23
    assert 0 <= memory.held <= 50
    for visitor in range(7):
        memory.forget(f"visitor {visitor}")
    assert memory.held == 0
