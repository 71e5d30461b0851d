"""Work that goes ahead of who takes its results."""

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
    """Apply a function in its own threads, at most so many items ahead of the consumer.

    The items are read by the thread that takes the results, which come in their order; an error of
    the function is raised in its place. The function should spend its time where Python's lock is
    released, as decoders and the runtime do.

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
