"""Clients of the page that don't behave: raw requests, half requests, slow ones."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["Heard", "connect", "hear", "send"]


@dataclass(frozen=True)
class Heard:
    """What came back: 0 and nothing, where the connection was closed without a word."""

    status: int
    headers: str
    body: bytes

    @property
    def sentence(self) -> str:
        """What a visitor reads."""
        said = json.loads(self.body)["error"]
        assert isinstance(said, str)
        return said


def connect(address: str, patience: float = 20) -> socket.socket:
    place = urlsplit(address)
    assert place.hostname
    return socket.create_connection((place.hostname, place.port), patience)


def send(
    address: str,
    path: str,
    body: bytes = b"",
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
) -> Heard:
    """Send a request as it is given, byte for byte; a path is not made shorter or quoted."""
    lines = {
        "Host": urlsplit(address).netloc,
        "Connection": "close",
        "Content-Length": str(len(body)),
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    with connect(address) as line:
        with suppress(OSError):  # it has heard enough, and may have answered
            line.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body)
        return hear(line)


def hear(line: socket.socket) -> Heard:
    """Hear a connection out."""
    heard = b""
    with suppress(ConnectionError):
        while part := line.recv(65536):
            heard += part
    head, _, body = heard.partition(b"\r\n\r\n")
    first = head.split(b" ", 2)
    return Heard(int(first[1]) if len(first) > 1 else 0, head.decode("latin-1").lower(), body)
