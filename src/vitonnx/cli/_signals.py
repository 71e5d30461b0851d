"""Handle signals that end the process: clean up, and exit with a code that names the signal.

Ctrl-C, SIGTERM and SIGHUP all raise `KeyboardInterrupt`, so that code which cleans up on one does
so on all of them.
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

# Seconds within which a second signal counts as the same one: `timeout`, and parents that pass on
# Ctrl-C, send it to the process and to its group. A later one asks to end at once.
ONCE = 1.0
BEHIND = 0.05  # seconds until a finaliser is over: this hook still runs inside it
OF_SIGNALS = 128  # a shell adds it to a signal's number to make an exit code


class Ending:
    """Handler of ending signals while its block runs; those ignored or handled before stay so.

    Outside the main thread it does nothing.

    Parameters
    ----------
    last : bool
        Whether the process ends after the block: a later signal then ends it at once. Otherwise
        the previous handlers are restored.
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
            atexit.register(self._be_deaf)  # registered first, called last
        return self

    def __exit__(self, *_: object) -> None:
        if not self._over:
            sys.unraisablehook = self._unraisable
            for number, handler in self._before.items():
                signal.signal(number, handler)

    @property
    def asked(self) -> bool:
        """Whether a signal came, even if its exception was lost."""
        return self._number is not None

    def code(self) -> int:
        """Return the exit code, and print what happened to stderr."""
        number = self._number or signal.SIGINT
        self._say(number)
        return OF_SIGNALS + number

    def close(self) -> None:
        """Note that the work is done, or rolled back."""
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
        """End the process now, and remove its unfinished files."""
        media = sys.modules.get("vitonnx.media")
        with suppress(Exception):  # it may still be importing
            media.remove_own()  # type: ignore[union-attr]
        os._exit(OF_SIGNALS + number)

    def _be_deaf(self) -> None:
        """Ignore signals while Python shuts down, where one would change the exit code."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _say(self, number: signal.Signals) -> None:
        # Write past Python, which may be writing at this moment; not to file descriptor 2, which
        # leads nowhere while libraries are silenced.
        with suppress(OSError, ValueError, AttributeError):
            os.write(sys.stderr.fileno(), f"error: {WORDS[number]}.\n".encode())

    def _notice(self, event: sys.UnraisableHookArgs) -> None:
        """Raise again an interrupt that came where none can be raised, as in a finaliser."""
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
