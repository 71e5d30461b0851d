"""Work for visitors: a few at a time in threads, some that wait, and no more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import TypeVar

from vitonnx.app._replies import RefusedError

__all__ = ["Desk", "in_thread"]

Done = TypeVar("Done")

AT_ONCE = 4  # one of which may run a model, while others answer from what is kept


class Desk:
    """Does work in its turn, and refuses it where too much of it waits."""

    def __init__(self, waiting: int) -> None:
        self._room, self._turns = AT_ONCE + waiting, asyncio.Semaphore(AT_ONCE)

    async def do(self, work: Callable[[], Done], gone: Callable[[], Awaitable[bool]]) -> Done:
        """Do it in a thread, unless whoever asked is gone when it is its turn."""
        if not self._room:
            raise RefusedError(503, "Too many are asking at once: try again in a moment.", retry=2)
        self._room -= 1
        try:
            async with self._turns:
                if await gone():
                    raise RefusedError(499, "You have left.")
                return await in_thread(work)
        finally:
            self._room += 1


async def in_thread(work: Callable[[], Done]) -> Done:
    """Do it in a thread of its own, which doesn't hold up the end of the process."""
    future: Future[Done] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)
