"""What every request gets: an answer with its headers, or a sentence; and in the log, a line."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitonnx.errors import PictureError, UsageError, VideoError

__all__ = ["FOR_VISITORS", "Outermost", "RefusedError", "Said", "unexpected"]

log = logging.getLogger(__name__)

FOR_VISITORS = (UsageError, PictureError, VideoError)
"""Errors whose words may all be told; others name files of this machine."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; "
    "style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; connect-src 'self'; "
    "worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
WORDS = {404: "There is nothing at this address.", 405: "This address takes no such request."}
# Keys: with them, whoever reads the log could open what was sent. And what is no path at all.
PRIVATE: Final = re.compile(r"(?<=^/pictures/).+|(?<=^/videos/).+|^[^/].*")
STRANGE: Final = re.compile(r"[^0-9A-Za-z.:%_-]")


class Said(Response):
    """JSON in letters that any reader takes, which no browser keeps."""

    media_type = "application/json"

    def __init__(self, said: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(json.dumps(said), status, {"Cache-Control": "no-store", **(headers or {})})


class RefusedError(Exception):
    """What is not done, and why; `retry` is in how many seconds it may be."""

    def __init__(self, status: int, sentence: str, retry: int = 0) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, {"Retry-After": str(retry)} if retry else {}
        if status == 401:
            self.headers["WWW-Authenticate"] = 'Basic realm="vitonnx", charset="UTF-8"'


def unexpected() -> str:
    """Log an error that nobody expected; give a sentence with the number to find it by."""
    number = secrets.token_hex(4)
    log.exception("request %s failed", number)
    return f"The page failed at this, and its log says why under {number}: try something else."


class Outermost:
    """Lets nothing out of an application but answers and sentences."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        started, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except ClientDisconnect:
            pass
        except Exception as error:
            reply = _refusal(error)
            if not status:
                await reply(scope, receive, noted)
        finally:
            # What a visitor, or a proxy, says of itself must not look like more than one word.
            address = STRANGE.sub("?", (scope.get("client") or ("-",))[0])
            path = PRIVATE.sub("…", ascii(scope["path"])[1:-1].replace(" ", "%20"))
            taken = 1000 * (time.monotonic() - started)
            log.info("%s %s %s %s %.0f ms", address, scope["method"], path, status or "-", taken)


def _refusal(error: Exception) -> Said:
    match error:
        case RefusedError():
            return Said({"error": f"{error}"}, error.status, error.headers)
        case HTTPException(status_code=status):
            return Said(
                {"error": WORDS.get(status, error.detail)}, status, {**(error.headers or {})}
            )
        case UsageError() | PictureError() | VideoError():
            return Said({"error": f"{error}"}, 422)
    return Said({"error": unexpected()}, 503)
