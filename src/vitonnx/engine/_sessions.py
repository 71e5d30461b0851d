"""An engine's sessions, and how many pictures go through none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from threading import Lock

from vitonnx.engine._batches import attention_bytes
from vitonnx.engine._plan import Plan
from vitonnx.engine._session import Session
from vitonnx.manifest import Manifest

__all__ = ["FirstPictures", "Sessions"]


class Sessions:
    """The open sessions of one file by their plans, of which None is the file as it is."""

    def __init__(
        self, open_plan: Callable[[Plan | None], Session], refuse_closed: Callable[[], None]
    ) -> None:
        self._open_plan, self._refuse_closed = open_plan, refuse_closed
        self._lock = Lock()
        self.opened: dict[Plan | None, Session] = {}

    def of(self, plan: Plan | None) -> Session:
        """Give a plan's session, and open it if nobody has yet."""
        session = self.opened.get(plan)
        if session is None:
            # One at a time: while a graph is planned, its weights are in memory once more.
            with self._lock:
                session = self.opened.get(plan)
                if session is None:
                    self._refuse_closed()
                    session = self.opened[plan] = self._open_plan(plan)
        return session

    def close(self) -> None:
        """Give back the memory of all of them, as soon as no batch runs in it any more."""
        with self._lock:
            for session in self.opened.values():
                session.close()
            self.opened.clear()


# Planning takes as long as several small pictures: so few, with so little attention, are probed by
# the file as it is.
FEW_PICTURES = 4
LITTLE_ATTENTION = 2**26  # bytes of all blocks


class FirstPictures:
    """Counts the pictures that are probed without a plan: an application may ask one by one."""

    def __init__(self, manifest: Manifest) -> None:
        self.are_small = manifest.blocks * attention_bytes(manifest) <= LITTLE_ATTENTION
        self._lock = Lock()
        self._done: Counter[Plan] = Counter()

    def take(self, plan: Plan, count: int) -> bool:
        """Count pictures that a plan could serve, and tell whether they are done without it."""
        with self._lock:
            self._done[plan] += count
            return self._done[plan] <= FEW_PICTURES
