"""Clients of the page that don't behave: raw requests, half requests, slow ones."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["JSON", "Answer", "connect", "join", "multipart", "send"]

JSON = {"Content-Type": "application/json"}
BORDER = "border"


@dataclass(frozen=True)
class Answer:
    """What came back: 0 and nothing, where the connection was closed without a word."""

    status: int
    headers: str
    body: bytes

    @property
    def sentence(self) -> str:
        """What a visitor reads."""
        detail = json.loads(self.body)["detail"]
        assert isinstance(detail, str)
        return detail


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
) -> Answer:
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
        return _hear(line)


def join(address: str, question: bytes | Mapping[str, Any]) -> Answer:
    """Ask the queue anything."""
    body = question if isinstance(question, bytes) else json.dumps(question).encode()
    return send(address, "/gradio_api/queue/join", body, method="POST", headers=JSON)


def multipart(content: bytes, name: str, field: str = "files") -> tuple[bytes, dict[str, str]]:
    """Give the body and the headers of an upload."""
    head = (
        f'--{BORDER}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = head.encode() + content + f"\r\n--{BORDER}--\r\n".encode()
    return body, {"Content-Type": f"multipart/form-data; boundary={BORDER}"}


def _hear(line: socket.socket) -> Answer:
    heard = b""
    with suppress(ConnectionError):
        while part := line.recv(65536):
            heard += part
    head, _, body = heard.partition(b"\r\n\r\n")
    first = head.split(b" ", 2)
    headers = head.decode("latin-1").lower()
    if "transfer-encoding: chunked" in headers:
        body = _joined(body)
    return Answer(int(first[1]) if len(first) > 1 else 0, headers, body)


def _joined(body: bytes) -> bytes:
    whole = b""
    while body:
        length, _, body = body.partition(b"\r\n")
        size = int(length or b"0", 16)
        whole, body = whole + body[:size], body[size + 2 :]
    return whole
