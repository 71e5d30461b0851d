"""What every request is answered: with these headers, and, where it is refused, in a sentence."""

from __future__ import annotations

import json
import logging
import secrets
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from vitonnx.errors import PictureError, UsageError, VideoError

__all__ = ["FOR_VISITORS", "HEADERS", "RefusedError", "Said", "refusal", "unexpected"]

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
WORDS = {
    400: "This is no request that the page understands.",
    404: "There is nothing at this address.",
    405: "This address takes no such request.",
    416: "The file has no such part.",
}


class Said(Response):
    """JSON in letters that any reader takes, which no browser keeps."""

    media_type = "application/json"

    def __init__(self, said: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(json.dumps(said), status, {"Cache-Control": "no-store", **(headers or {})})


class RefusedError(HTTPException):
    """What is not done, and why; `retry` is in how many seconds it may be."""

    def __init__(self, status: int, sentence: str = "", retry: int = 0) -> None:
        headers = {"Retry-After": str(retry)} if retry else {}
        if status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="vitonnx", charset="UTF-8"'
        super().__init__(status, sentence or WORDS[status], headers)


def refusal(error: Exception) -> Said:
    """Say what stood in the way."""
    if isinstance(error, HTTPException):
        ours = isinstance(error, RefusedError)
        words = error.detail if ours else WORDS.get(error.status_code, error.detail)
        return Said({"error": words}, error.status_code, {**(error.headers or {})})
    if isinstance(error, FOR_VISITORS):
        return Said({"error": f"{error}"}, 422)
    return Said({"error": unexpected()}, 503)


def unexpected() -> str:
    """Log an error that nobody expected; give a sentence with the number to find it by."""
    number = secrets.token_hex(4)
    log.exception("request %s failed", number)
    return f"The page failed at this, and its log says why under {number}: try something else."
