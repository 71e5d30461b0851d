"""Memory that decoding threads share: nobody has too much, and nobody waits for ever."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vitonnx.media._budget import Budget


def test_all_are_served_and_never_too_many_at_once() -> None:
    budget, lock = Budget(101), threading.Lock()
    taken = most = 0

    def work(wanted: int) -> int:
        nonlocal taken, most
        with budget.share(wanted):
            with lock:
                taken += min(wanted, 101)
                most = max(most, taken)
            time.sleep(0.0005)
            with lock:
                taken -= min(wanted, 101)
        return wanted

    wanted = np.random.default_rng(0).integers(0, 150, 400).tolist()
    with ThreadPoolExecutor(13) as pool:
        assert list(pool.map(work, wanted, timeout=60)) == wanted
    assert most <= 101
    assert budget.free == 101


def test_who_comes_first_is_served_first() -> None:
    """A large picture isn't passed by the small ones that come after it."""
    budget, order = Budget(100), list[str]()

    def work(name: str, wanted: int | None) -> None:
        with budget.share(wanted):
            order.append(name)

    with budget.share(60):
        threads = []
        for place, (name, wanted) in enumerate([("all", None), ("small", 1), ("huge", 900)]):
            threads.append(threading.Thread(target=work, args=(name, wanted)))
            threads[-1].start()
            while len(budget._waiting) <= place:
                time.sleep(0.001)
        assert order == []
    for thread in threads:
        thread.join(10)
    assert order == ["all", "small", "huge"]


def test_an_error_gives_it_back() -> None:
    budget = Budget(100)
    with pytest.raises(KeyError), budget.share(70):
        raise KeyError
    assert budget.free == 100


def test_who_leaves_the_queue_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C comes while the main thread waits."""
    budget = Budget(100)

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(budget._changed, "wait_for", interrupted)
        with pytest.raises(KeyboardInterrupt), budget.share(10):
            pass
    with budget.share(100):
        assert budget.free == 0
