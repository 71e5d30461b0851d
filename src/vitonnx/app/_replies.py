"""Small whole replies of ASGI, and bodies read whole, with a limit."""

from __future__ import annotations

from starlette.responses import JSONResponse
from starlette.types import Message, Receive

__all__ = ["TooLargeError", "read_body", "refusal", "replay"]


class TooLargeError(Exception):
    """A body is larger than it may be."""


def refusal(status: int, sentence: str) -> JSONResponse:
    """Refuse with a sentence; `detail` is what Gradio's page shows to the visitor."""
    return JSONResponse({"detail": sentence}, status)


async def read_body(receive: Receive, limit: int) -> bytes:
    """Read a body of at most so many bytes.

    Raises
    ------
    TooLargeError
        As soon as it is longer.
    """
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise TooLargeError
    return body


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a body that was already read, then what follows it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
