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
        self._lock = threading.Lock()

    def get(self, key: tuple[Any, ...]) -> Value | None:
        """Return a value, or None if it was never stored or has been dropped."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def keep(self, key: tuple[Any, ...], value: Value) -> None:
        """Store a value, unless it is larger than all may be together."""
        size = self._size(value)
        with self._lock:
            self._drop(key)
            if size <= self.limit:
                self._values[key] = value, time.monotonic()
                self.held += size
            while self.held > self.limit:
                self._drop(next(iter(self._values)))

    def forget(self, picture: object) -> None:
        """Drop all values of a picture."""
        with self._lock:
            for key in [key for key in self._values if key[0] == picture]:
                self._drop(key)

    def tidy(self, now: float) -> None:
        """Drop what is older than an hour."""
        with self._lock:
            for key in [key for key, (_, since) in self._values.items() if now - since > HOUR]:
                self._drop(key)

    def _drop(self, key: tuple[Any, ...]) -> None:
        if key in self._values:
            self.held -= self._size(self._values.pop(key)[0])
