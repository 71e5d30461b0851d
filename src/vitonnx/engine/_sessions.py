"""An engine's sessions: each plan's is opened once, whichever threads ask for it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from vitonnx.engine._plan import Plan
from vitonnx.engine._session import Session

__all__ = ["Sessions"]


class Sessions:
    """The open sessions of one file, by their plans.

    Parameters
    ----------
    open_plan : callable
        Opens the session of a plan; None stands for the file as it is.
    refuse_closed : callable
        Raises an error once the engine is closed.
    """

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
