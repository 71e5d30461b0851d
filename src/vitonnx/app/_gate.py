"""Who may come in: by the right name, from no foreign page, with a password, while it is open."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from vitonnx.app._replies import RefusedError, Said
from vitonnx.errors import UsageError

__all__ = ["Gate"]

HERE: Final = ("localhost", "127.0.0.1", "[::1]")
HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+?)\.?(:\d+)?", re.IGNORECASE)
GUESSES, SECONDS = 10, 5.0  # wrong passwords at once from an address, and until there is one more
MOST: Final = 10_000  # addresses that are remembered; who was away for the longest starts anew


class Gate:
    """Lets requests in, and counts them.

    Parameters
    ----------
    app : ASGI application
        Behind it.
    models : sequence of str
        Names for ``/healthz``, which are told where no password is asked for.
    users : sequence of (user, password)
        Who may come; everyone, if empty.
    public : sequence of str
        Addresses, such as ``https://lab.example``, by which the page is known outside.

    Raises
    ------
    UsageError
        If a public address is none.
    """

    def __init__(
        self,
        app: ASGIApp,
        models: Sequence[str],
        users: Sequence[tuple[str, str]],
        public: Sequence[str],
    ) -> None:
        self._app, self._models = app, [] if users else list(models)
        self._passwords = [_digest(f"{user}:{password}") for user, password in users]
        outer = [urlsplit(each) for each in public]
        for each, given in zip(outer, public, strict=True):
            if each.scheme not in ("http", "https") or not each.netloc or each.path.strip("/"):
                raise UsageError(f"--public {given!r} is no address such as https://lab.example.")
        self._origins = {f"{each.scheme}://{each.netloc}".lower() for each in outer}
        self._hosts = {*HERE, *(_name(each.netloc) for each in outer)}
        self._wrong: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.closing, self.inside = False, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or raise a RefusedError."""
        headers, path = Headers(scope=scope), str(scope["path"])
        self._check_host(headers.get("host", ""), str((scope.get("server") or [""])[0]))
        if path == "/healthz":
            await self._health()(scope, receive, send)
            return
        self._check_origin(headers.get("origin"), headers.get("host", ""))
        if self._passwords:
            self._check_password(headers.get("authorization", ""), str(scope["client"][0]))
        if not path.isprintable():
            raise RefusedError(404, "There is nothing at this address.")
        if self.closing and (scope["method"] == "POST" or path == "/"):
            raise RefusedError(
                503, "The page is shutting down and accepts no new requests: try again soon."
            )
        self.inside += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.inside -= 1

    def _health(self) -> Said:
        status = "stopping" if self.closing else "ok"
        said = {"status": status, "models": self._models, "requests": self.inside}
        return Said(said, 503 if self.closing else 200)

    def _check_host(self, host: str, own: str) -> None:
        """Refuse other names: a foreign page's name may lead here, and then it is no stranger."""
        if _name(host) not in self._hosts | {f"[{own}]" if ":" in own else own}:
            raise RefusedError(
                421, "The page isn't known by this name: start it with --public and its address."
            )

    def _check_origin(self, origin: str | None, host: str) -> None:
        """Refuse what another page asks for."""
        ours = {f"{scheme}://{host}".lower() for scheme in ("http", "https")} | self._origins
        if origin is not None and origin.lower() not in ours:
            raise RefusedError(403, "Another page asked for this: open the page itself.")

    def _check_password(self, said: str, address: str) -> None:
        left, since = self._wrong.get(address, (float(GUESSES), 0.0))
        now = time.monotonic()
        left = min(float(GUESSES), left + (now - since) / SECONDS)
        if left < 1:  # whoever guesses isn't told whether this one was right
            raise RefusedError(429, "Too many wrong passwords: wait a minute.", retry=int(SECONDS))
        scheme, _, word = said.partition(" ")
        try:
            given = _digest(base64.b64decode(word.strip(), validate=True).decode())
        except ValueError:
            given = ""
        # All are compared, whoever is asked for.
        if sum([secrets.compare_digest(given, each) for each in self._passwords]):
            return
        if word:
            self._wrong[address] = left - 1, now
            self._wrong.move_to_end(address)
            if len(self._wrong) > MOST:
                self._wrong.popitem(last=False)
        challenge = 'Basic realm="vitonnx", charset="UTF-8"'
        raise RefusedError(
            401, "The page asks for a user and a password.", **{"WWW-Authenticate": challenge}
        )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _name(host: str) -> str:
    """Return the name of a host without its port, and in small letters."""
    found = HOST.fullmatch(host)
    return found[1].lower() if found else ""
