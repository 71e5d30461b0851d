"""A bounded memory of what models said."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

__all__ = ["Memory"]

Value = TypeVar("Value")
Key: TypeAlias = tuple[Any, ...]
"""The first of it says whose the value is."""


class Memory(Generic[Value]):
    """Cache of values, limited in bytes; the least recently used ones are dropped.

    It can be used from several threads.

    Parameters
    ----------
    limit : int
        Bytes of all values together. A larger one is not kept.
    size : callable
        Gives a value's bytes.

    Examples
    --------
    >>> memory = Memory(5, len)
    >>> memory.keep(("anna", "bird"), b"tail")
    >>> memory.keep(("bob", "cat"), b"paw")
    >>> memory.get(("anna", "bird")), memory.get(("bob", "cat")), memory.held
    (None, b'paw', 3)
    """

    def __init__(self, limit: int, size: Callable[[Value], int]) -> None:
        self.limit, self.held = limit, 0
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Return a value, or None if it was never stored or has been dropped."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: Key, value: Value) -> None:
        """Store a value, and drop others if there is no room."""
        size = self._size(value)
        with self._lock:
            self._drop(key)
            if size > self.limit:
                return
            self._values[key] = value
            self.held += size
            while self.held > self.limit:
                self._drop(next(iter(self._values)))

    def forget(self, owner: str) -> None:
        """Drop all values whose key, a tuple, begins with this."""
        with self._lock:
            for key in [key for key in self._values if key[0] == owner]:
                self._drop(key)

    def _drop(self, key: Key) -> None:
        value = self._values.pop(key, None)
        if value is not None:
            self.held -= self._size(value)
