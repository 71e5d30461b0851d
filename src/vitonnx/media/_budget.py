"""Memory that threads share for decoding: a request that exceeds what is left waits."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

from PIL import Image

__all__ = ["DECODING", "MOST_BYTES", "Budget"]

MOST_BYTES: Final = 3 * 2**29
"""Of all that is decoded at once in this process, 1.5 GiB: with a model beside it that is less than
the 2 GB that the smallest machines have, and Pillow's largest picture in RGB, 0.7 GB, still fits
twice, as it must where it is turned upright."""

# What a thread frees goes back to the system, and not into the thread's own stock, where it comes
# in blocks larger than the 32 MiB that glibc may take from that. Pillow's blocks are of 16 MiB.
# Who has set another size, by a call or in the environment, keeps it.
PILLOWS_BLOCK: Final = 2**24
if (
    "PILLOW_BLOCK_SIZE" not in os.environ and Image.core.get_block_size() == PILLOWS_BLOCK  # type: ignore[attr-defined]
):
    Image.core.set_block_size(2**26)  # type: ignore[attr-defined]


class Budget:
    """A number of bytes, of which each takes what it needs and gives it back.

    Requests are served in order, so that small pictures can't keep a large one waiting forever. A
    request for more than the whole waits until no other is active. A thread must not request more
    while it holds some: two of them could wait for each other.

    Parameters
    ----------
    whole : int
        Size in bytes.

    Examples
    --------
    >>> budget = Budget(100)
    >>> with budget.share(70), budget.share(30):
    ...     budget.free
    0
    >>> budget.free
    100
    """

    def __init__(self, whole: int) -> None:
        self.whole = whole
        self.renew()

    def renew(self) -> None:
        """Reset: after a fork, no thread that held or awaited memory exists any more."""
        self.free = self.whole
        self._changed = Condition()
        self._waiting: deque[object] = deque()

    @contextmanager
    def share(self, wanted: int | None) -> Iterator[None]:
        """Wait for the given bytes, or for all if unknown, and hold them in the block."""
        needed, me = self.whole if wanted is None else min(wanted, self.whole), object()
        taken = 0
        try:
            with self._changed:
                self._waiting.append(me)
                try:
                    self._changed.wait_for(lambda: self._waiting[0] is me and needed <= self.free)
                    self.free, taken = self.free - needed, needed
                finally:  # at Ctrl-C, too
                    self._waiting.remove(me)
                    self._changed.notify_all()
            yield
        finally:
            with self._changed:
                # Who forked inside the block has it all already.
                self.free = min(self.whole, self.free + taken)
                self._changed.notify_all()


DECODING: Final = Budget(MOST_BYTES)
"""The one of this process."""
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=DECODING.renew)
