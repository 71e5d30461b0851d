"""A visitor of the page without a browser: the same requests, one after the other."""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

__all__ = ["RefusedError", "Visitor"]

PATIENCE = 120.0  # seconds, for an answer
CERTIFICATES = ssl.create_default_context()  # read once, for all visitors


class RefusedError(Exception):
    """The page said no, in a sentence.

    Parameters
    ----------
    status : int
        Of HTTP; 200 where the handler itself said no.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass
class Visitor:
    """One visitor of a page.

    Parameters
    ----------
    address : str
        Of the page.
    user : (name, password) or None
        To log in with.
    """

    address: str
    user: tuple[str, str] | None = None
    session: str = field(default_factory=lambda: secrets.token_hex(6))

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.address, timeout=PATIENCE, verify=CERTIFICATES)
        if self.user is not None:
            name, password = self.user
            reply = self.http.post("/login", data={"username": name, "password": password})
            if reply.status_code != 200:
                self.http.close()
                raise RefusedError(reply.status_code, reply.json()["detail"])
        self.config = self.http.get("/config").raise_for_status().json()
        self.places = {each["api_name"]: each for each in self.config["dependencies"]}
        self._states = {each["id"] for each in self.config["components"] if each["type"] == "state"}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def stay(self) -> None:
        """Hold the connection by which the page knows that a browser shows it, until the end."""
        beat = f"/gradio_api/heartbeat/{self.session}"
        self.http.send(self.http.build_request("GET", beat), stream=True)

    def upload(self, content: bytes | Path, name: str) -> dict[str, Any]:
        """Send a file; what comes back can be given to `call`."""
        file = content if isinstance(content, bytes) else content.read_bytes()
        reply = self.http.post("/gradio_api/upload", files={"files": (name, file)})
        if reply.status_code != 200:
            raise RefusedError(reply.status_code, _sentence(reply))
        return {
            "path": reply.json()[0],
            "orig_name": name,
            "meta": {"_type": "gradio.FileData"},
        }

    def download(self, file: dict[str, Any]) -> bytes:
        """Fetch a file that an answer names."""
        reply = self.http.get(f"/gradio_api/file={file['path']}")
        if reply.status_code != 200:
            raise RefusedError(reply.status_code, _sentence(reply))
        return reply.content

    def call(self, name: str, *values: Any, event: Any = None) -> list[Any]:
        """Do what a component's event does, and wait for its answer.

        Parameters
        ----------
        name : str
            Of the handler.
        *values
            Of its inputs, in order, but for those that the page itself keeps.
        event : object
            What the event carries.

        Raises
        ------
        RefusedError
            If the page says no.
        """
        self.join(name, *values, event=event)
        with closing(self.messages()) as messages:
            for message in messages:
                if message["msg"] == "process_completed":
                    if not message["success"]:
                        raise RefusedError(200, message["output"].get("error") or "no sentence")
                    return list(message["output"]["data"])
        raise RefusedError(200, "the page sent no answer")

    def join(self, name: str, *values: Any, event: Any = None) -> None:
        """Ask as `call` does, but don't wait."""
        place = self.places[name]
        given = iter(values)
        data = [None if each in self._states else next(given) for each in place["inputs"]]
        question = {
            "data": data,
            "event_data": event,
            "fn_index": place["id"],
            "session_hash": self.session,
            "trigger_id": place["targets"][0][0] if place["targets"] else None,
        }
        reply = self.http.post("/gradio_api/queue/join", json=question)
        if reply.status_code != 200:
            raise RefusedError(reply.status_code, _sentence(reply))

    def messages(self) -> Generator[dict[str, Any], None, None]:
        """Read what the page says of what was asked."""
        waiting = self.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": self.session}
        )
        with waiting as reply:
            for line in reply.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line.removeprefix("data:"))


def _sentence(reply: httpx.Response) -> str:
    try:
        said = reply.json()
    except ValueError:
        return reply.text
    return str(said.get("detail", said)) if isinstance(said, dict) else str(said)
