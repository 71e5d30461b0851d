"""Limits for each request, and for all visitors together."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from vitonnx.errors import UsageError

__all__ = ["MEGABYTE", "Limits"]

MEGABYTE = 2**20
MOST_PIXELS = 178_000_000  # Pillow itself refuses 2 * PIL.Image.MAX_IMAGE_PIXELS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the page; raises a UsageError if one of them allows nothing.

    Examples
    --------
    >>> Limits(seconds=60).upload
    31457280
    """

    upload: int = 30 * MEGABYTE  # bytes of a picture or video
    pixels: int = 50_000_000  # of a picture or frame, checked before anything is decoded
    seconds: int = 20  # of a video
    waiting: int = 40  # requests, or videos, that wait; others are asked to try again
    memory: int = 256 * MEGABYTE  # bytes that are kept of what models gave, so that clicks run none
    disk: int = 2_000 * MEGABYTE  # bytes of all files that are being sent, or made
    visitors: int = 200  # pictures that are kept; the one not asked about for longest goes first
    models: int = 3  # side by side
    idle: int = 60  # seconds in which a request must come; those of large files have more

    def __post_init__(self) -> None:
        for name, limit in asdict(self).items():
            if limit < 1:
                raise UsageError(f"the page's limit of {name} is {limit}; it must be at least 1.")
        if self.pixels > MOST_PIXELS:
            raise UsageError(
                f"the page's limit of pixels is {self.pixels:,}; it can be at most "
                f"{MOST_PIXELS:,}, as more are taken for a bomb."
            )
