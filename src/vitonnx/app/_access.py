"""Access log: sessions, requests and outcomes, but nothing of the pictures' content."""

from __future__ import annotations

import logging
import re
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["AccessLog"]

log = logging.getLogger(__name__)

# Names of files and of visitors: with them, whoever reads the log could open what was uploaded.
PRIVATE: Final = re.compile(r"(?<=/file=).*|(?<=/heartbeat/).*")
STRANGE: Final = re.compile(r"[^0-9A-Za-z.:%_-]")


class AccessLog:
    """Writes a line for each request, once it is answered.

    Parameters
    ----------
    app : ASGI application
        Behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it was answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # What a visitor, or a proxy, says of itself must not look like more than one word.
            address = STRANGE.sub("?", (scope.get("client") or ("-",))[0])
            path = PRIVATE.sub("…", ascii(scope["path"])[1:-1].replace(" ", "%20"))
            taken = 1000 * (time.monotonic() - started)
            log.info("%s %s %s %s %.0f ms", address, scope["method"], path, status or "-", taken)
