"""Pictures of any size as one array of squares."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitonnx.errors import DataError, PictureError

__all__ = ["Progress", "read_squares", "to_square"]

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many pictures are done, and of how many."""

Picture = TypeVar("Picture")

AHEAD: Final = 64
"""Pictures that are begun and not done: more than there are threads."""

MOST_BYTES: Final = 4 * 2**30
"""The most memory that pictures may take, in bytes: 350,000 of 64 by 64 pixels."""


def read_squares(
    count: int,
    pictures: Iterable[Picture],
    read: Callable[[Picture], Image.Image],
    size: int,
    *,
    name: str,
    progress: Progress | None = None,
) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Read so many RGB pictures in several threads, and scale and crop them to squares.

    They come from an iterable, which is never more than `AHEAD` ahead of those that are done.
    Return uint8 (count, size, size, 3), and by its number why a picture can't be read (a
    PictureError); the square of that one means nothing. The name is the dataset's, for messages.

    Raises
    ------
    DataError
        If they would take more than `MOST_BYTES`.

    Examples
    --------
    >>> sides = [(7, 5), (4, 4)]
    >>> squares, skipped = read_squares(2, sides, lambda side: Image.new("RGB", side), 3, name="x")
    >>> squares.shape, skipped
    ((2, 3, 3, 3), {})
    """
    needed = count * size * size * 3
    if needed > MOST_BYTES:
        raise DataError(
            f"{name} would take {needed / 2**30:.1f} GiB of memory as {count:,} pictures of "
            f"{size} by {size} pixels, but at most {MOST_BYTES // 2**30} are allowed: use a "
            "smaller image size or fewer pictures."
        )
    squares = np.empty((count, size, size, 3), np.uint8)

    def fill(number: int, picture: Picture) -> str | None:
        try:
            squares[number] = np.asarray(to_square(read(picture), size))
        except PictureError as error:
            return str(error)
        return None

    skipped: dict[int, str] = {}
    ahead: deque[Future[str | None]] = deque()
    done = itertools.count()

    def finish() -> None:
        """Wait for the picture that was begun first."""
        reason, number = ahead.popleft().result(), next(done)
        if reason is not None:
            skipped[number] = reason
        if progress is not None:
            progress(number + 1, count)

    pool = ThreadPoolExecutor(thread_name_prefix="vitonnx")
    try:
        for number, picture in enumerate(pictures):
            ahead.append(pool.submit(fill, number, picture))
            if len(ahead) > AHEAD:
                finish()
        while ahead:
            finish()
    finally:
        pool.shutdown(cancel_futures=True)
    return squares, skipped


def to_square(picture: Image.Image, size: int) -> Image.Image:
    """Scale a picture's centre square, antialiased.

    The same as to scale the shorter side and to crop then, but that no corner is rounded, and
    that a long narrow picture never grows to gigabytes.
    """
    side = min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    box = (left, top, left + side, top + side)
    return picture.resize((size, size), Image.Resampling.BICUBIC, box=box)
