"""Admit requests to known addresses, with bodies of limited size, at a limited rate."""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitonnx.app._bucket import Buckets
from vitonnx.app._envelope import read_envelope
from vitonnx.app._folder import Folder
from vitonnx.app._limits import Limits
from vitonnx.app._replies import TooLargeError, read_body, refusal, replay
from vitonnx.app._turns import Turns
from vitonnx.errors import UsageError

__all__ = ["Guard"]

API: Final = "/gradio_api/"
UPLOAD: Final = f"{API}upload"
FILE: Final = f"{API}file="
QUESTION: Final = f"{API}queue/join"

# Addresses that the page and its clients use. Gradio has more, such as a proxy, not needed here.
PAGE: Final = ("/assets/", "/static/", "/svelte/", "/theme.css", "/favicon.ico", "/robots.txt")
PLAIN: Final = ("/", "/config", "/config/", "/login", "/login/", "/logout", "/manifest.json")
PARTS: Final = (
    "app_id",
    "file=",
    "heartbeat/",
    "info",
    "queue/data",
    "queue/join",
    "reset",
    "run/",
    "theme.css",
    "token",
    "upload",
)

QUESTION_BYTES: Final = 1_000_000
FORM_BYTES: Final = 10_000  # a name and a password; what a form adds to a file
LOGINS, LOGINS_A_SECOND = 10, 0.2


class Guard:
    """Refuses malicious requests before Gradio reads them.

    Parameters
    ----------
    app : ASGI application
        Behind it.
    limits : Limits
        The page's.
    folder : Folder
        Folder of uploads.
    turns : Turns
        The page's queue.
    """

    def __init__(self, app: ASGIApp, limits: Limits, folder: Folder, turns: Turns) -> None:
        self._app, self._limits, self._folder, self._turns = app, limits, folder, turns
        self._logins = Buckets(LOGINS, LOGINS_A_SECOND)
        self._coming = 0  # bytes of uploads that are on their way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        if not _known(path):
            await refusal(404, "There is nothing at this address.")(scope, receive, send)
        elif path.startswith(FILE) and not self._folder.has(path.removeprefix(FILE)):
            await refusal(403, "There is no such file, or it has been removed.")(
                scope, receive, send
            )
        elif path.startswith(UPLOAD) and scope["method"] == "POST":
            await self._upload(scope, receive, send)
        elif scope["method"] == "POST":
            await self._ask(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a file on if there is room for it; it is never held here."""
        limit = self._limits.upload + FORM_BYTES
        declared = min(_declared(scope), limit + 1) or limit
        too_large = refusal(
            413,
            f"The file is larger than the {self._limits.megabytes} MB allowed here.",
        )
        if declared > limit:
            await too_large(scope, receive, send)
            return
        self._coming += declared
        try:
            room = self._limits.disk - self._coming
            # Walks through the folder, so it must not block other requests.
            if await asyncio.to_thread(self._folder.tidy, room) > room:
                full = "Too many files are being uploaded at once: try again in a minute."
                await refusal(503, full)(scope, receive, send)
            else:
                await self._take(scope, receive, send, limit, too_large)
        finally:
            self._coming -= declared

    async def _take(
        self, scope: Scope, receive: Receive, send: Send, limit: int, too_large: JSONResponse
    ) -> None:
        """Pass a file on, and count what comes: it may have said nothing of its length, or lied."""
        come, told = 0, False

        async def counted() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            # At this error, and at no other, Gradio deletes the parts that came.
            if come > limit:
                raise MultiPartException("too large")
            if message["type"] == "http.disconnect":
                raise MultiPartException("cut off")
            return message

        async def worded(message: Message) -> None:
            nonlocal told
            if come <= limit:
                await send(message)
            elif not told:
                told = True
                await too_large(scope, receive, send)

        await self._app(scope, counted, worded)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        login = path.startswith("/login")
        limit = FORM_BYTES if login else QUESTION_BYTES
        said: ASGIApp
        try:
            if _declared(scope) > limit:
                raise TooLargeError
            body = await read_body(receive, limit)
            visitor = "" if login else read_envelope(body, self._folder)
        except TooLargeError:
            said = refusal(413, "The request is longer than any that the page sends.")
        except UsageError as error:
            said = refusal(400, str(error))
        else:
            busy = self._slow_down(scope) if login else self._wait(path, visitor)
            said = busy or self._app
            receive = replay(body, receive)
        await said(scope, receive, send)

    def _slow_down(self, scope: Scope) -> JSONResponse | None:
        """Refuse a visitor who guesses passwords."""
        address = str((scope.get("client") or ("",))[0])
        if self._logins.take(address):
            return None
        return refusal(429, "Too many login attempts: wait a minute.")

    def _wait(self, path: str, visitor: str) -> JSONResponse | None:
        """Refuse a visitor who exceeds a fair share of the queue."""
        if not path.startswith(QUESTION):
            return None
        if not visitor:
            return refusal(400, "The request has no session.")
        if self._turns.has_enough(visitor):
            return refusal(429, "Too many requests at once: wait a moment, then try again.")
        return None


def _known(path: str) -> bool:
    if path in PLAIN or path.startswith(PAGE):
        return True
    return path.startswith(tuple(API + part for part in PARTS))


def _declared(scope: Scope) -> int:
    """Return the declared length of a body; 0 if none is declared."""
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0
