"""Work that is done before it is asked for, so that the next stage never waits for it."""

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
    """Apply a function in threads of its own, a few items ahead of whoever takes the results.

    Parameters
    ----------
    function : callable
        Should spend its time where Python's lock is released, as decoders and the runtime do.
    items : iterable
        Read by the thread that takes the results.
    threads : int
        How many.
    ahead : int
        The most items that are begun before their results are asked for.

    Yields
    ------
    result of the function
        In the order of the items. What the function raises is raised here, in its place.

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
