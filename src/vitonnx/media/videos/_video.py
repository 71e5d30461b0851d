"""Videos as the rest of vitonnx sees them: upright RGB frames with their times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.media.videos._sound import Sound

__all__ = ["Frame", "Span", "Video", "spanned"]

Shown = TypeVar("Shown")


@dataclass(frozen=True, eq=False)
class Frame:
    """Frame of a video.

    Parameters
    ----------
    pixels : uint8 (height, width, 3)
        RGB, upright, its pixels square.
    time : Fraction
        When it is first shown, in seconds.
    duration : Fraction
        Duration in seconds.
    """

    pixels: NDArray[np.uint8]
    time: Fraction
    duration: Fraction


@dataclass(frozen=True, kw_only=True)
class Span:
    """Selection of a video's frames.

    Parameters
    ----------
    start, end : Fraction or None
        Seconds: from the first frame shown at `start` or later up to the last one before `end`.
        None is the video's own start or end.
    every : int
        Take every n-th frame, beginning with the first.

    Raises
    ------
    UsageError
        If nothing can be between start and end, or `every` is less than 1.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    every: int = 1

    def __post_init__(self) -> None:
        if self.start is not None and self.start < 0:
            raise UsageError(f"the start is {float(self.start):g} s; it must not be negative.")
        if self.end is not None and self.end <= (self.start or 0):
            raise UsageError(
                f"the end, {float(self.end):g} s, is not after the start, "
                f"{float(self.start or 0):g} s: there is nothing in between."
            )
        if not isinstance(self.every, Integral) or self.every < 1:
            raise UsageError(f"every is {self.every!r}; it must be 1 or more.")

    @property
    def shift(self) -> Fraction:
        """Time subtracted from all others, so that the span begins at 0."""
        return self.start or Fraction(0)


class Video(Protocol):
    """A video that can be read from its start as often as needed, in several threads at once.

    All times are relative to the start of the span.
    """

    @property
    def name(self) -> str:
        """The file or folder, as messages call it."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the frames, in pixels."""

    @property
    def rate(self) -> Fraction:
        """Frames a second, on average."""

    @property
    def ticks(self) -> int:
        """Into how many parts the video's clock divides a second."""

    @property
    def frames(self) -> int | None:
        """About how many frames `read` will give, as the file says; None if it doesn't."""

    @property
    def complaint(self) -> str | None:
        """Once a reading has come to its end: how many frames were lost and why; None for none."""

    def read(self) -> Iterator[Frame]:
        """Decode the frames of the span, in the order in which they are shown."""

    def sound(self) -> Sound | None:
        """Open the video's sound; None where there is none."""


def spanned(
    frames: Iterable[tuple[Fraction, Shown]], span: Span, end: Callable[[], Fraction]
) -> Iterator[tuple[Shown, Fraction, Fraction]]:
    """Keep the frames of a span, each shown until the next one.

    Frames come with their times, in display order, and none after the end of the span is requested;
    `end` returns the end of the last one, once there are no more. Yield each frame with its time
    and its end, in seconds on the video's own clock.

    Examples
    --------
    >>> frames = enumerate("abcde")
    >>> [frame for frame, *_ in spanned(frames, Span(start=Fraction(1), every=2), lambda: 5)]
    ['b', 'd']
    """
    held: tuple[Shown, Fraction] | None = None
    number = 0
    for time, frame in frames:
        if span.start is not None and time < span.start:
            continue
        if span.end is not None and time >= span.end:
            break
        if number % span.every == 0:
            if held is not None:
                yield *held, time
            held = frame, time
        number += 1
    if held is not None:
        yield *held, end() if span.end is None else min(end(), span.end)
