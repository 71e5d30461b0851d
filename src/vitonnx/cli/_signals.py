"""Signals that ask a process to end: what it does is undone, and the exit code says which it was.

Ctrl-C, SIGTERM and SIGHUP are one `KeyboardInterrupt` to all that runs, so that whoever cleans up
at the one does so at all of them.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Any, Self

__all__ = ["Ending"]

WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if sys.platform != "win32":
    WORDS[signal.SIGHUP] = "hung up"

# Seconds in which a signal is the same one again: `timeout`, and whoever passes Ctrl-C on to its
# children, send it to the process and to its group. What comes later doesn't want to wait.
ONCE = 1.0
BEHIND = 0.05  # seconds until a finaliser is behind us: this hook is still a part of it
OF_SIGNALS = 128  # what a shell adds to a signal's number to make an exit code of it


class Ending:
    """Listens to signals while its block runs; those that were ignored or taken stay so.

    Outside the main thread it hears nothing.

    Parameters
    ----------
    last : bool
        Whether the block is the last that the process does: a signal that comes behind it then
        ends the process at once. Else those who listened before do so again.
    """

    def __init__(self, *, last: bool) -> None:
        self._last, self._over = last, False
        self._number: signal.Signals | None = None
        self._since = 0.0
        self._before: dict[int, Any] = {}
        self._unraisable = sys.unraisablehook

    def __enter__(self) -> Self:
        with suppress(ValueError):  # not the main thread
            for number in WORDS:
                if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                    self._before[number] = signal.signal(number, self._ask)
        sys.unraisablehook = self._notice
        if self._last:
            atexit.register(self._be_deaf)  # the first to register is called last
        return self

    def __exit__(self, *_: object) -> None:
        if not self._over:
            sys.unraisablehook = self._unraisable
            for number, handler in self._before.items():
                signal.signal(number, handler)

    @property
    def asked(self) -> bool:
        """Whether a signal came, whatever has become of its exception."""
        return self._number is not None

    def code(self) -> int:
        """Give the exit code, and say on stderr what happened."""
        number = self._number or signal.SIGINT
        self._say(number)
        return OF_SIGNALS + number

    def close(self) -> None:
        """Note that the work is done, or undone."""
        self._over = self._last

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._over:
            self._end(self._number or number)
        now = time.monotonic()
        if self._number is None:
            self._number, self._since = signal.Signals(number), now
            raise KeyboardInterrupt
        if now - self._since > ONCE:
            self._say(self._number)
            self._end(self._number)

    def _end(self, number: int) -> None:
        """End the process now; what it had in the making goes."""
        media = sys.modules.get("vitonnx.media")
        with suppress(Exception):  # it may not be whole yet
            media.remove_own()  # type: ignore[union-attr]
        os._exit(OF_SIGNALS + number)

    def _be_deaf(self) -> None:
        """Let Python take itself apart: it listens no more, and a signal would change the code."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _say(self, number: signal.Signals) -> None:
        # Past Python, which may be writing at this moment; and not by the number of the system's
        # stderr, which leads nowhere while libraries are unheard.
        with suppress(OSError, ValueError, AttributeError):
            os.write(sys.stderr.fileno(), f"error: {WORDS[number]}.\n".encode())

    def _notice(self, event: sys.UnraisableHookArgs) -> None:
        """Raise once more what came where nothing can be raised, such as in a finaliser."""
        if isinstance(event.exc_value, KeyboardInterrupt) and self._number is not None:
            number, self._number = self._number, None
            again = threading.Timer(BEHIND, _interrupt, [number])
            again.daemon = True
            again.start()
        else:
            self._unraisable(event)


def _interrupt(number: signal.Signals) -> None:
    """Send a signal to the main thread, which may be waiting for something."""
    main = threading.main_thread().ident
    if sys.platform == "win32" or main is None:
        _thread.interrupt_main(number)
    else:
        signal.pthread_kill(main, number)
