"""Who may come in: by the right name, from no foreign page, with a password, while it is open."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitonnx.app._replies import HEADERS, RefusedError, Said, refusal
from vitonnx.errors import UsageError

__all__ = ["Gate"]

log = logging.getLogger(__name__)

HERE: Final = ("localhost", "127.0.0.1", "[::1]")
HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+?)\.?(:\d+)?", re.IGNORECASE)
GUESSES, SECONDS = 10, 5.0  # wrong passwords at once from an address, and until there is one more
MOST: Final = 10_000  # addresses that are remembered; who was away for the longest starts anew
# Keys: with them, whoever reads the log could open what was sent. And what is no path at all.
PRIVATE: Final = re.compile(r"(?<=^/pictures/).+|(?<=^/videos/).+|^[^/].*")
STRANGE: Final = re.compile(r"[^0-9A-Za-z.:%_-]")


class Gate:
    """Lets requests in, and nothing out but answers and sentences; writes a line of each.

    Where only some `users` may come, ``/healthz`` tells others no model's name. The page is known
    by its own address, and by `public` ones, such as ``https://lab.example``.
    """

    def __init__(
        self,
        app: ASGIApp,
        models: Sequence[str],
        users: Sequence[tuple[str, str]],
        public: Sequence[str],
    ) -> None:
        self._app, self._models = app, [] if users else list(models)
        self._users = [_digest(f"{user}:{password}") for user, password in users]
        self._hosts, self._origins = {*HERE}, set[str]()
        for each in public:
            url = urlsplit(each)
            if url.scheme not in ("http", "https") or not _name(url.netloc) or url.path.strip("/"):
                raise UsageError(f"{each!r} is no public address such as https://lab.example.")
            self._hosts.add(_name(url.netloc))
            self._origins.add(f"{url.scheme}://{url.netloc}".lower())
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.closing, self.inside = False, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        started, status = time.monotonic(), 0

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if message["status"] >= 400 and "text/plain" in headers.get("content-type", ""):
                    given = {name: headers[name] for name in ("content-range",) if name in headers}
                    raise HTTPException(message["status"], headers=given)  # to be said our way
                status = message["status"]
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        self.inside += 1
        try:
            self._check(scope)
            app: ASGIApp = self._health() if scope["path"] == "/healthz" else self._app
            await app(scope, receive, noted)
        except ClientDisconnect:
            pass
        except Exception as error:
            reply = refusal(error)
            if not status:
                await reply(scope, receive, noted)
        finally:
            self.inside -= 1
            # What a visitor, or a proxy, says of itself must not look like more than one word.
            address = STRANGE.sub("?", (scope.get("client") or ("-",))[0])
            path = PRIVATE.sub("…", ascii(scope["path"])[1:-1].replace(" ", "%20"))
            taken = 1000 * (time.monotonic() - started)
            log.info("%s %s %s %s %.0f ms", address, scope["method"], path, status or "-", taken)

    def _health(self) -> Said:
        said = {"status": "stopping" if self.closing else "ok", "models": self._models}
        return Said({**said, "requests": self.inside - 1}, 503 if self.closing else 200)

    def _check(self, scope: Scope) -> None:
        """Raise a RefusedError for whom the page isn't there."""
        headers, path, own = Headers(scope=scope), str(scope["path"]), str(scope["server"][0])
        host, origin = headers.get("host", ""), headers.get("origin")
        # A foreign page's name may be made to lead here, and the page is then no stranger.
        if _name(host) not in self._hosts | {f"[{own}]" if ":" in own else own}:
            raise RefusedError(
                421, "The page isn't known by this name: start it with --public and its address."
            )
        ours = self._origins | {f"http://{host}".lower(), f"https://{host}".lower()}
        if origin is not None and origin.lower() not in ours:
            raise RefusedError(403, "Another page asked for this: open the page itself.")
        if path == "/healthz":
            return
        if self._users:
            self._check_password(headers.get("authorization", ""), str(scope["client"][0]))
        if not path.isprintable():
            raise RefusedError(404)
        if self.closing and (scope["method"] == "POST" or path == "/"):
            raise RefusedError(503, "The page is shutting down: try again soon.", retry=60)

    def _check_password(self, said: str, address: str) -> None:
        now, (left, since) = time.monotonic(), self._wrong.get(address, (GUESSES, 0.0))
        left = min(GUESSES, left + (now - since) / SECONDS)
        if left < 1:  # whoever guesses isn't told whether this one was right
            raise RefusedError(429, "Too many wrong passwords: wait a minute.", retry=60)
        word = said.partition(" ")[2].strip()
        try:
            given = _digest(base64.b64decode(word, validate=True).decode())
        except ValueError:
            given = ""
        # All are compared, whoever is asked for.
        if sum([secrets.compare_digest(given, each) for each in self._users]):
            return
        if word:
            self._wrong[address] = left - 1, now
            self._wrong.move_to_end(address)
            if len(self._wrong) > MOST:
                self._wrong.popitem(last=False)
        raise RefusedError(401, "The page asks for a user and a password.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _name(host: str) -> str:
    """Return the name of a host without its port."""
    found = HOST.fullmatch(host)
    return found[1].lower() if found else ""
