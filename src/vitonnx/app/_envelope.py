"""What stands on the envelope of a question: who asks, and which files it names."""

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
    """Read the JSON that a visitor sends, and tell who it is.

    Gradio fetches a file that is named by an address, wherever in the values it is, and of any
    size: so all files must be those that came through the page.

    Parameters
    ----------
    body : bytes
        As it came.
    folder : Folder
        Where all files lie that may be named.

    Returns
    -------
    str
        The visitor; empty if nobody says so.

    Raises
    ------
    UsageError
        If it is no question of the page's.
    """
    try:
        said = json.loads(body)
        places = list(_places(said))
    except (ValueError, RecursionError) as error:
        raise UsageError("The question is not of the form that the page gives it.") from error
    visitor = said.get("session_hash") or "" if isinstance(said, dict) else None
    if not isinstance(visitor, str) or len(visitor) > LONGEST_VISITOR:
        raise UsageError("The question does not say who asks as the page does.")
    for place in places:
        if not isinstance(place, str) or not folder.has(place):
            raise UsageError("The file was not uploaded here: choose it again.")
    return visitor


def _places(value: Any) -> Iterator[object]:
    """Find all files' places.

    Raises
    ------
    ValueError
        At a number that is none, or that is infinite: both are beyond JSON.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that JSON does not have")
    if isinstance(value, dict):
        if value.get("path") is not None:
            yield value["path"]
        for each in value.values():
            yield from _places(each)
    elif isinstance(value, list):
        for each in value:
            yield from _places(each)
