"""What may come in: known addresses, bodies of a bearable size, and from nobody too much."""

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
QUESTION: Final = f"{API}queue/join"

# All that the page and its clients use. Gradio has more, such as a proxy, which nobody needs here.
PAGE: Final = ("/assets/", "/static/", "/svelte/", "/theme.css", "/favicon.ico", "/robots.txt")
PLAIN: Final = ("/", "/config", "/config/", "/login", "/login/", "/logout", "/manifest.json")
PARTS: Final = (
    "app_id",
    "cancel",
    "file=",
    "heartbeat/",
    "info",
    "login_check",
    "queue/data",
    "queue/join",
    "reset",
    "run/",
    "startup-events",
    "theme.css",
    "token",
    "upload",
    "user",
)

QUESTION_BYTES: Final = 1_000_000
FORM_BYTES: Final = 10_000  # a name and a password; what a form adds to a file
LOGINS, LOGINS_A_SECOND = 10, 0.2


class Guard:
    """Refuses what can't be meant well, before Gradio reads it.

    Parameters
    ----------
    app : ASGI application
        Behind it.
    limits : Limits
        The page's.
    folder : Folder
        Where uploads lie.
    turns : Turns
        The page's queue.
    """

    def __init__(self, app: ASGIApp, limits: Limits, folder: Folder, turns: Turns) -> None:
        self._app, self._limits, self._folder, self._turns = app, limits, folder, turns
        self._logins = Buckets(LOGINS, LOGINS_A_SECOND)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = str(scope["path"])
        if not _known(path):
            await refusal(404, "There is nothing at this address.")(scope, receive, send)
        elif path.startswith(UPLOAD) and scope["method"] == "POST":
            await self._upload(scope, receive, send)
        elif scope["method"] == "POST":
            await self._ask(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a file on as long as it is not too large; it is never held here."""
        limit = self._limits.upload + FORM_BYTES
        too_large = refusal(
            413,
            f"The file is larger than the {self._limits.megabytes} MB that are taken here.",
        )
        if _declared(scope) > limit:
            await too_large(scope, receive, send)
            return
        # A walk through the folder, in which others shall be answered.
        if await asyncio.to_thread(self._folder.measure) > self._limits.disk:
            full = "So many files came in at once that there is no room: try again in some minutes."
            await refusal(503, full)(scope, receive, send)
            return
        come, told = 0, False

        async def counted() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            # At this error, and at no other, Gradio deletes the parts that came.
            if come > limit:  # it said nothing of its length, or lied
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
            said = refusal(413, "The question is longer than any that the page asks.")
        except UsageError as error:
            said = refusal(400, str(error))
        else:
            busy = self._slow_down(scope) if login else self._wait(path, visitor)
            said = busy or self._app
            receive = replay(body, receive)
        await said(scope, receive, send)

    def _slow_down(self, scope: Scope) -> JSONResponse | None:
        """Refuse one who guesses passwords."""
        address = str((scope.get("client") or ("",))[0])
        if self._logins.take(address):
            return None
        return refusal(429, "Too many tries to log in: wait a minute.")

    def _wait(self, path: str, visitor: str) -> JSONResponse | None:
        """Refuse one who takes more of the queue than a share."""
        if not path.startswith(QUESTION):
            return None
        if not visitor:
            return refusal(400, "The question does not say who asks.")
        if self._turns.has_enough(visitor):
            return refusal(429, "Too many questions at once: wait a moment, then go on.")
        return None


def _known(path: str) -> bool:
    if path in PLAIN or path.startswith(PAGE):
        return True
    if path.startswith(f"{API}file=http"):  # a file of another server, fetched by this one
        return False
    return path.startswith(tuple(API + part for part in PARTS))


def _declared(scope: Scope) -> int:
    """Give the length that a body says it has; 0 if it says none."""
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0
