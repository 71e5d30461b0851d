"""Sanity checks on the timestamps of a video."""

from __future__ import annotations

from fractions import Fraction

__all__ = ["LONGEST_STILL", "USUAL_RATE", "believed_rate", "believed_time", "time_of_day"]

USUAL_RATE = Fraction(25)
# Frames a second: from one in a day to what the fastest cameras take. What lies beyond is a
# damaged header, and its frames' own times are still read.
SLOWEST, FASTEST = Fraction(1, 86_400), Fraction(1_000_000)
LONGEST_VIDEO = 10**8  # seconds: three years
LONGEST_STILL = 86_400  # seconds: a clock that makes a larger step is broken


def believed_rate(*told: Fraction | int | None) -> Fraction:
    """Choose the first of several frame rates that can be.

    Examples
    --------
    >>> believed_rate(None, Fraction(2_000_000_000), Fraction(30))
    Fraction(30, 1)
    """
    for rate in told:
        if rate is not None and SLOWEST <= rate <= FASTEST:
            return Fraction(rate)
    return USUAL_RATE


def believed_time(seconds: Fraction | None) -> Fraction | None:
    """Return a time in seconds if a video can have it, else None."""
    if seconds is None or abs(seconds) > LONGEST_VIDEO:
        return None
    return seconds


def time_of_day(text: str) -> Fraction | None:
    """Read a length as Matroska's tags have it; None where it is none.

    Examples
    --------
    >>> time_of_day("00:01:02.500000000"), time_of_day("xx:yy:01.2")
    (Fraction(125, 2), None)
    """
    hours, colon, rest = text.partition(":")
    minutes, colon, seconds = rest.partition(":")
    if not colon or len(text) > len("00000000:00:00.000000000"):
        return None
    try:
        return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)
    except (ValueError, ZeroDivisionError):
        return None
