"""The envelope of a request: its session, and the files it names."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, Final

from vitonnx.app._folder import Folder
from vitonnx.errors import UsageError

__all__ = ["read_envelope"]

LONGEST_VISITOR: Final = 100  # letters; Gradio's own visitors have eleven


def read_envelope(body: bytes, folder: Folder) -> str:
    """Read the JSON of a request, and return its session.

    Gradio fetches a file that is named by an address, wherever in the values it is, and of any
    size: so all files must be those that came through the page.

    Parameters
    ----------
    body : bytes
        Body as received.
    folder : Folder
        Folder of all files that may be named.

    Returns
    -------
    str
        Session of the visitor, empty if missing.

    Raises
    ------
    UsageError
        If it is not a request of the page.
    """
    try:
        said = json.loads(body)
        places = list(_places(said))
    except (ValueError, RecursionError) as error:
        raise UsageError("The request doesn't have the form that the page sends.") from error
    visitor = said.get("session_hash") or "" if isinstance(said, dict) else None
    if not isinstance(visitor, str) or len(visitor) > LONGEST_VISITOR:
        raise UsageError("The request has no session as the page sends it.")
    for place in places:
        if not isinstance(place, str) or not folder.has(place):
            raise UsageError("The file was not uploaded to this page: choose it again.")
    return visitor


def _places(value: Any) -> Iterator[object]:
    """Find all files' places.

    Raises
    ------
    ValueError
        At a number that is none, or that is infinite: both are beyond JSON.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that JSON doesn't have")
    if isinstance(value, dict):
        if value.get("path") is not None:
            yield value["path"]
        for each in value.values():
            yield from _places(each)
    elif isinstance(value, list):
        for each in value:
            yield from _places(each)
