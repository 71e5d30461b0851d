"""Memory for decoding: what a picture takes, by its header, and what all threads share."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

from PIL import Image

from vitonnx.media._decoders import bytes_held

__all__ = ["DECODING", "Budget", "bytes_needed", "reduce_to", "reduce_to_fit"]

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


# Pillow stores a picture of these modes in so many bytes a pixel, any other in four.
STORED: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
RGB: Final = 4
"""Bytes a pixel of a second picture: the RGB that is made of one in another mode, or one turned."""

COEFFICIENT: Final = 2
"""Bytes a channel of a pixel: a JPEG that comes in several scans is kept so, up to its end."""
JPEGS: Final = {"JPEG", "MPO"}
# They may hold a PNG or a JPEG 2000 of any size, whatever their own header says.
NESTING: Final = {"ICO", "ICNS"}


def bytes_needed(picture: Image.Image, share: int = 1) -> int | None:
    """Estimate what an opened picture takes at its peak, decoded, turned upright and in RGB.

    `share` divides a JPEG's sides as it is decoded. Return bytes; None where the header doesn't
    tell.
    """
    if picture.format in NESTING:
        return None
    stored = STORED.get(picture.mode, 4)
    pixels = picture.width * picture.height
    decoding = stored * pixels // share**2 + bytes_held(picture)
    if picture.format in JPEGS and _has_several_scans(picture):
        decoding += COEFFICIENT * len(picture.getbands()) * pixels
    return max(decoding, (stored + RGB) * pixels // share**2)


def _has_several_scans(picture: Image.Image) -> bool:
    """Tell whether a JPEG is progressive, or stores its channels one after the other."""
    channels = len(picture.getbands())
    if "progressive" in picture.info:
        return True
    file = getattr(picture, "fp", None)
    if file is None or file.closed:
        return True  # it may
    # Pillow stands behind the header of the first scan, which names the scan's channels.
    behind = file.tell()
    length = 6 + 2 * channels
    file.seek(max(0, behind - length))
    header = file.read(3)
    file.seek(behind)
    return bool(header != bytes([0, length, channels]))


SHARES = (2, 4, 8)  # what a JPEG's decoder can divide its sides by


def reduce_to_fit(picture: Image.Image) -> int | None:
    """Have a JPEG decoded at the largest share of its size that fits into `DECODING`.

    Scaling down from the result differs by up to 4 of 255 levels from scaling down the original, as
    the decoder averages the frequencies of a block rather than its pixels. The picture is opened,
    and not yet decoded. Return the bytes that it needs then; None where no share fits, or it is no
    JPEG.
    """
    if picture.format not in JPEGS:
        return None
    for share in SHARES:
        needed = bytes_needed(picture, share)
        if needed is not None and needed <= DECODING.whole:
            return _reduce(picture, share)
    return None


def reduce_to(picture: Image.Image, least: tuple[int, int]) -> int | None:
    """Have a JPEG decoded at the smallest share of its size that has so many rows and columns.

    The picture is opened, and not yet decoded; the sides are as it is stored. Return as
    `reduce_to_fit` does.
    """
    if picture.format not in JPEGS:
        return None
    rows, columns = least
    for share in reversed(SHARES):
        if picture.height // share >= rows and picture.width // share >= columns:
            return _reduce(picture, share)
    return None


def _reduce(picture: Image.Image, share: int) -> int | None:
    needed = bytes_needed(picture, share)
    width, height = picture.size
    picture.draft(None, (width // share, height // share))
    return needed if picture.width < width else None
