"""Turn unexpected errors into a sentence for the visitor and a log entry for the operator."""

from __future__ import annotations

import logging

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitonnx.app._kindly import UNEXPECTED
from vitonnx.app._replies import refusal

__all__ = ["Failures"]

log = logging.getLogger(__name__)


class Failures:
    """Says in JSON what an application has no words for.

    Parameters
    ----------
    app : ASGI application
        Behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and say something if it fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = failed = False

        async def worded(message: Message) -> None:
            nonlocal begun, failed
            if message["type"] == "http.response.start":
                failed = _is_wordless(message)
                begun = not failed
            if not failed:
                await send(message)

        try:
            await self._app(scope, receive, worded)
        except Exception:
            log.exception("a request failed")
            failed = True
        if failed and not begun:
            await refusal(500, UNEXPECTED)(scope, receive, send)


def _is_wordless(start: Message) -> bool:
    """Tell Starlette's ``Internal Server Error`` from errors with a message."""
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] == 500 and kind.startswith("text/plain")
