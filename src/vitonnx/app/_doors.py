"""Open or closing: while closing, no new request is admitted, and running ones finish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from vitonnx.app._replies import refusal

__all__ = ["Doors"]

HEALTH: Final = "/healthz"
# A connection that lasts as long as a visitor stays, and carries nothing.
HEARTBEAT: Final = "/gradio_api/heartbeat/"
# Seconds in which who was told of a file comes to fetch it.
FETCH: Final = 2.0
# What brings new work; everything else belongs to work that was begun.
NEW_WORK: Final = (
    "/gradio_api/queue/join",
    "/gradio_api/run/",
    "/gradio_api/upload",
)


class Doors:
    """Counts active requests, and answers health checks.

    Parameters
    ----------
    app : ASGI application
        Behind them.
    models : sequence of str
        Names for ``/healthz``.
    left : callable
        Called with a visitor whose heartbeat has ended.
    """

    def __init__(
        self,
        app: ASGIApp,
        models: Sequence[str],
        left: Callable[[str], object] = lambda visitor: None,
    ) -> None:
        self._app, self._models, self._has_left = app, list(models), left
        self.closing = False
        self._inside = 0
        self._left = asyncio.Event()
        self._heartbeats: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        if path == HEALTH:
            await self._health()(scope, receive, send)
        elif self.closing and (path == "/" or path.startswith(NEW_WORK)):
            sentence = "The page is shutting down and accepts no new requests: try again soon."
            await refusal(503, sentence)(scope, receive, send)
        elif path.startswith(HEARTBEAT):
            await self._beat(scope, receive, send)
        else:
            await self._enter(scope, receive, send)

    async def close(self, seconds: float) -> bool:
        """Take nothing new, and wait until what runs is done and delivered.

        Returns
        -------
        bool
            Whether all was done in time.
        """
        self.closing = True
        try:
            async with asyncio.timeout(seconds):
                await self._emptied()
        except TimeoutError:
            return False
        finally:
            for heartbeat in self._heartbeats:
                heartbeat.cancel()
        return True

    async def _emptied(self) -> None:
        """Wait until no request is active, and no visitor returns for a finished file."""
        while self._inside:
            while self._inside:
                self._left.clear()
                await self._left.wait()
            await asyncio.sleep(FETCH)

    def _health(self) -> JSONResponse:
        status = "stopping" if self.closing else "ok"
        return JSONResponse(
            {"status": status, "models": self._models, "requests": self._inside},
            503 if self.closing else 200,
        )

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._inside -= 1
            self._left.set()

    async def _beat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a heartbeat, which would never end by itself, so that it can be ended."""

        async def beat() -> None:
            await self._app(scope, receive, send)

        task = asyncio.create_task(beat())
        self._heartbeats.add(task)
        try:
            await task
        except asyncio.CancelledError:
            task.cancel()
            if not self.closing:
                raise
        finally:
            self._heartbeats.discard(task)
            self._has_left(str(scope["path"]).removeprefix(HEARTBEAT))
