"""What may come in: known addresses, bodies of a bearable size, and not too often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitonnx.app._bucket import Buckets
from vitonnx.app._envelope import read_envelope
from vitonnx.app._folder import Folder
from vitonnx.app._limits import Limits
from vitonnx.app._replies import TooLargeError, read_body, refusal, replay
from vitonnx.errors import UsageError

__all__ = ["Guard"]

API: Final = "/gradio_api/"
UPLOAD: Final = f"{API}upload"
QUESTIONS: Final = (f"{API}queue/join", f"{API}run/", f"{API}call/", f"{API}api/")

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
    "reset",
    "startup-events",
    "theme.css",
    "token",
    "upload",
    "user",
)

QUESTION_BYTES: Final = 1_000_000
FORM_BYTES: Final = 10_000  # a name and a password; what a form adds to a file
# Faster than a hand moves a slider, whose events the page thins out itself.
AT_ONCE, A_SECOND = 120, 30.0
# The queue is for all visitors: the page itself asks one question for each of its parts.
UNANSWERED = 8
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
    waiting : callable
        Counts the questions of a visitor that are not answered yet.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, folder: Folder, waiting: Callable[[str], int]
    ) -> None:
        self._app, self._limits, self._folder = app, limits, folder
        self._waiting = waiting
        self._questions = Buckets(AT_ONCE, A_SECOND)
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
        if self._folder.size > self._limits.disk:
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
        path, login = str(scope["path"]), str(scope["path"]).startswith("/login")
        address = visitor = str((scope.get("client") or ("",))[0])
        try:
            limit = FORM_BYTES if login else QUESTION_BYTES
            if _declared(scope) > limit:
                raise TooLargeError
            body = await read_body(receive, limit)
            if not login:
                visitor = read_envelope(body, self._folder) or address
        except TooLargeError:
            sentence = "The question is longer than any that the page asks."
            await refusal(413, sentence)(scope, receive, send)
            return
        except UsageError as error:
            await refusal(400, str(error))(scope, receive, send)
            return
        if login and not self._logins.take(address):
            sentence = "Too many tries to log in: wait a minute."
            await refusal(429, sentence)(scope, receive, send)
        elif path.startswith(QUESTIONS) and not (
            self._questions.take(visitor) and self._waiting(visitor) < UNANSWERED
        ):
            sentence = "Too many questions at once: wait a moment, then go on."
            await refusal(429, sentence)(scope, receive, send)
        else:
            await self._app(scope, replay(body, receive), send)


def _known(path: str) -> bool:
    if path in PLAIN or path.startswith(PAGE):
        return True
    if path.startswith(f"{API}file=http"):  # a file of another server, fetched by this one
        return False
    return path.startswith((*QUESTIONS, *(API + part for part in PARTS)))


def _declared(scope: Scope) -> int:
    """Give the length that a body says it has; 0 if it says none."""
    length = Headers(scope=scope).get("content-length", "0")
    return int(length) if length.isdecimal() else 0
