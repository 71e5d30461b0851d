"""A memory that never holds more than it may."""

from __future__ import annotations

import random
import threading
import time

from vitonnx.app._memory import HOUR, Memory


def test_what_was_not_used_for_longest_goes_first() -> None:
    memory = Memory(7, len)
    for owner in ("anna", "bob", "carol"):
        memory.keep((owner, 1), b"ab")
    assert memory.get(("anna", 1)) == b"ab"
    memory.keep(("dan", 1), b"abc")
    assert memory.get(("bob", 1)) is None
    assert [memory.get((owner, 1)) for owner in ("anna", "carol", "dan")] == [b"ab", b"ab", b"abc"]
    assert memory.held == 7


def test_what_is_larger_than_all_of_it_is_not_kept_and_drives_nobody_out() -> None:
    memory = Memory(5, len)
    memory.keep(("anna", 1), b"abc")
    memory.keep(("bob", 1), b"abcdef")
    assert memory.get(("bob", 1)) is None
    assert memory.get(("anna", 1)) == b"abc"
    assert memory.held == 3


def test_what_fills_it_exactly_is_kept() -> None:
    memory = Memory(5, len)
    memory.keep(("anna", 1), b"abcde")
    assert memory.get(("anna", 1)) == b"abcde"


def test_a_value_takes_the_place_of_an_older_one() -> None:
    memory = Memory(5, len)
    memory.keep(("anna", 1), b"abcde")
    memory.keep(("anna", 1), b"xy")
    assert (memory.get(("anna", 1)), memory.held) == (b"xy", 2)
    memory.keep(("anna", 1), b"abcdef")  # too large: the older one is not true any more
    assert (memory.get(("anna", 1)), memory.held) == (None, 0)


def test_one_owner_is_forgotten_and_nobody_else() -> None:
    memory = Memory(100, len)
    for key in (("anna", 1), ("anna", 2, "x"), ("annabel", 1), ("bob", 1)):
        memory.keep(key, b"abc")
    memory.forget("anna")
    assert [memory.get(key) for key in (("anna", 1), ("anna", 2, "x"))] == [None, None]
    assert [memory.get(key) for key in (("annabel", 1), ("bob", 1))] == [b"abc", b"abc"]
    assert memory.held == 6
    memory.forget("nobody")
    assert memory.held == 6


def test_nothing_is_kept_for_more_than_an_hour() -> None:
    memory = Memory(5, len)
    memory.keep(("anna", 1), b"abc")
    now = time.monotonic()
    memory.tidy(now + HOUR - 60)
    assert memory.get(("anna", 1)) == b"abc"
    memory.tidy(now + HOUR + 60)
    assert (memory.get(("anna", 1)), memory.held) == (None, 0)


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
