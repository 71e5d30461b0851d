"""Objects as bytes, without those parts that are at both ends already, such as a model."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import Any

__all__ = ["packed", "unpacked"]


def packed(thing: Any, there: Mapping[str, Any]) -> bytes:
    """Pack an object for another process.

    Parameters
    ----------
    thing : object
    there : mapping of str to object
        Parts of it that don't travel: the other end has its own of each name.

    Examples
    --------
    >>> model = object()
    >>> unpacked(packed([2, model], {"model": model}), {"model": "theirs"})
    [2, 'theirs']
    """
    content = io.BytesIO()
    _Packer(content, {id(part): name for name, part in there.items()}).dump(thing)
    return content.getvalue()


def unpacked(content: bytes, there: Mapping[str, Any]) -> Any:
    """Unpack what `packed` gave, with this end's parts."""
    return _Unpacker(io.BytesIO(content), there).load()


class _Packer(pickle.Pickler):
    def __init__(self, content: io.BytesIO, names: Mapping[int, str]) -> None:
        super().__init__(content)
        self._names = names

    def persistent_id(self, thing: Any) -> str | None:
        return self._names.get(id(thing))


class _Unpacker(pickle.Unpickler):
    def __init__(self, content: io.BytesIO, there: Mapping[str, Any]) -> None:
        super().__init__(content)
        self._there = there

    def persistent_load(self, name: str) -> Any:
        return self._there[name]
