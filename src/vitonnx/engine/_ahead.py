"""Prefetching: work done ahead of demand, so that the next stage never waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_ahead"]

Item = TypeVar("Item")
Done = TypeVar("Done")


def map_ahead(
    function: Callable[[Item], Done], items: Iterable[Item], *, threads: int, ahead: int
) -> Generator[Done, None, None]:
    """Apply a function in its own threads, a few items ahead of the consumer.

    Parameters
    ----------
    function : callable
        Should spend its time where Python's lock is released, as decoders and the runtime do.
    items : iterable
        Read by the thread that takes the results.
    threads : int
        Number of threads.
    ahead : int
        Largest number of items started before their results are requested.

    Yields
    ------
    result of the function
        Results in the order of the items. Errors of the function are raised here, in their place.

    Examples
    --------
    >>> list(map_ahead(abs, [-2, -3, -5], threads=2, ahead=2))
    [2, 3, 5]
    """
    pending: deque[Future[Done]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="vitonnx")
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
