"""A visitor of the page without a browser: the same requests, one after the other."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

import httpx
import numpy as np
from numpy.typing import NDArray

__all__ = ["Answer", "RefusedError", "Visitor"]

Answer: TypeAlias = tuple[dict[str, Any], dict[str, NDArray[Any]]]
"""A finding, whose arrays are NumPy's, and the arrays of the result."""

PATIENCE = 120.0  # seconds, for an answer
CERTIFICATES = ssl.create_default_context()  # read once, for all visitors


class RefusedError(Exception):
    """The page said no, in a sentence.

    Parameters
    ----------
    status : int
        Of HTTP.
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
        Who it is.
    """

    address: str
    user: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        self.http = httpx.Client(
            base_url=self.address, timeout=PATIENCE, verify=CERTIFICATES, auth=self.user
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def look(
        self,
        picture: bytes | Path,
        models: Sequence[str],
        *,
        name: str | None = None,
        before: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Show a picture to models; the one before is forgotten.

        Raises
        ------
        RefusedError
            If the page says no.
        """
        content = picture if isinstance(picture, bytes) else picture.read_bytes()
        name = name or (picture.name if isinstance(picture, Path) else "picture")
        given = {"name": name, "models": list(models)} | (
            {"before": before["key"]} if before else {}
        )
        seen: dict[str, Any] = self._said("POST", "pictures", params=given, content=content)
        return seen

    def ask(
        self,
        seen: Mapping[str, Any] | None,
        model: str,
        probe: str,
        options: Mapping[str, Any] | None = None,
        *,
        first: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Ask a model about a picture, or, without one, about its weights."""
        question = {
            "picture": seen and seen["key"],
            "first": first and first["key"],
            "model": model,
            "probe": probe,
            "options": dict(options or {}),
        }
        said = self._said("POST", "ask", json=question)
        finding = {name: _array(each) for name, each in said["finding"].items()}
        return finding, {name: _array(each) for name, each in said["arrays"].items()}

    def film(self, video: bytes | Path, models: Sequence[str], probe: str, **options: Any) -> str:
        """Ask for a video; give its key."""
        content = video if isinstance(video, bytes) else video.read_bytes()
        name = video.name if isinstance(video, Path) else "video"
        given = {"name": name, "model": list(models), "probe": probe}
        given["options"] = json.dumps(options)
        return str(self._said("POST", "videos", params=given, content=content)["job"])

    def made(self, key: str, heard: Callable[[str], object] = lambda words: None) -> bytes:
        """Wait for a video, and fetch it; `heard` is called with how it stands."""
        while (said := self._said("GET", f"videos/{key}"))["state"] in ("waiting", "running"):
            heard(said["state"])
            time.sleep(0.05)
        if said["state"] == "failed":
            raise RefusedError(200, said["words"])
        return self.http.get(f"videos/{key}/file").raise_for_status().content

    def _said(self, method: str, path: str, **more: Any) -> Any:
        reply = self.http.request(method, path, **more)
        if reply.status_code != 200:
            raise RefusedError(reply.status_code, reply.json()["error"])
        return reply.json()


def _array(said: Any) -> Any:
    if not (isinstance(said, dict) and "data" in said):
        return said
    flat = np.frombuffer(base64.b64decode(said["data"]), said["dtype"])
    return flat.reshape(said["shape"])
