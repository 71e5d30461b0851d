"""A bounded memory of pictures, and of what models said of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["HOUR", "Memory"]

Value = TypeVar("Value")

HOUR = 3600.0  # seconds that anything is kept at most


class Memory(Generic[Value]):
    """Values by keys that begin with a picture's; the least recently used make room for others."""

    def __init__(self, limit: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        self.limit, self.held, self._size = limit, 0, size
        self._values: OrderedDict[tuple[Any, ...], tuple[Value, float]] = OrderedDict()
        self._lock = threading.RLock()

    def get(self, key: tuple[Any, ...]) -> Value | None:
        """Return a value, or None if it was never stored or has been dropped."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key, (None, 0.0))[0]

    def keep(self, key: tuple[Any, ...], value: Value) -> None:
        """Store a value, unless it is larger than all may be together."""
        with self._lock:
            self._drop(lambda other, _: other == key)
            if (size := self._size(value)) <= self.limit:
                self._values[key] = value, time.monotonic()
                self.held += size
            while self.held > self.limit:
                self.held -= self._size(self._values.popitem(last=False)[1][0])

    def forget(self, picture: object) -> None:
        """Drop all values of a picture."""
        self._drop(lambda key, _: key[0] == picture)

    def tidy(self, now: float) -> None:
        """Drop what is older than an hour."""
        self._drop(lambda _, since: now - since > HOUR)

    def _drop(self, these: Callable[[tuple[Any, ...], float], bool]) -> None:
        with self._lock:
            for key in [key for key, (_, since) in self._values.items() if these(key, since)]:
                self.held -= self._size(self._values.pop(key)[0])
