"""Connections that don't wait: whoever is slow to ask, to send or to listen is shut out."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from vitonnx.app._replies import HEADERS, RefusedError, refusal

__all__ = ["Impatient"]

RATE: Final = 2**15  # bytes a second: whoever sends as fast may take longer
AFTERWARDS: Final = 5.0  # seconds to send the rest of what was refused, so as to hear why
MOST: Final = 500  # connections; the one that has waited longest for its request makes room


class Impatient(H11Protocol):
    """HTTP/1.1 in which a request must come within `patience` seconds, head and body."""

    def __init__(self, *given: Any, patience: float, **named: Any) -> None:
        super().__init__(*given, **named)
        self._patience = patience
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait(self._patience)
        if len(self.connections) > MOST:
            waiting = [each for each in self.connections if getattr(each, "_timer", None)]
            min(waiting, key=lambda each: each._timer.when()).transport.abort()  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        """Go on waiting, until the request is whole."""
        try:
            super().data_received(data)
        except h11.LocalProtocolError:  # nonsense, behind what has an answer already
            self.transport.abort()
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._wait(None)
        elif self._timer is None:
            self._wait(self._patience)
        elif self.conn.their_state is h11.SEND_BODY and self.conn.our_state is not h11.DONE:
            self._wait(self._timer.when() - self.loop.time() + len(data) / RATE)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP as everything else is refused."""
        reply = refusal(RefusedError(400))
        reply.headers.update({**HEADERS, "Connection": "close"})
        head = h11.Response(status_code=400, headers=reply.raw_headers, reason=b"Bad Request")
        for event in (head, h11.Data(data=bytes(reply.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        """Let what was refused come to its end, which nobody reads, for a moment."""
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._wait(AFTERWARDS)

    def pause_writing(self) -> None:
        """Wait for who doesn't listen."""
        super().pause_writing()
        self._wait(self._patience)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._wait(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._wait(None)
        super().connection_lost(exc)

    def _wait(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        aborting = self.transport.abort
        self._timer = None if seconds is None else self.loop.call_later(seconds, aborting)
