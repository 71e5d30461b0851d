"""Limits for each request, and for all visitors together."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vitonnx.errors import UsageError

__all__ = ["MEGABYTE", "Limits"]

MEGABYTE = 2**20
MOST_PIXELS = 178_000_000  # Pillow itself refuses 2 * PIL.Image.MAX_IMAGE_PIXELS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of the page.

    Parameters
    ----------
    upload : int
        Bytes of a picture or video.
    pixels : int
        Largest picture or video frame, checked before anything is decoded.
    seconds : int
        Longest video.
    waiting : int
        Most requests, or videos, that wait for their turn; others are asked to try again.
    memory : int
        Bytes that are kept of what models gave, so that no click runs one again.
    disk : int
        Bytes of all files that visitors send and wait for.
    visitors : int
        Pictures that are kept, and videos; the one not asked about for longest goes first.
    models : int
        Models that look at a picture together.
    idle : int
        Seconds in which a request must come, or begin to; those of large files have more.

    Raises
    ------
    UsageError
        If one of them allows nothing, or more pixels than Pillow takes.

    Examples
    --------
    >>> Limits(seconds=60).upload
    31457280
    """

    upload: int = 30 * MEGABYTE
    pixels: int = 50_000_000
    seconds: int = 20
    waiting: int = 40
    memory: int = 160 * MEGABYTE
    disk: int = 2_000 * MEGABYTE
    visitors: int = 200
    models: int = 3
    idle: int = 60

    @property
    def megabytes(self) -> str:
        """The largest upload, for a sentence."""
        return f"{self.upload / MEGABYTE:.3g} MB"

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise UsageError(
                    f"the page's limit of {field.name} is {getattr(self, field.name)}; "
                    "it must be at least 1."
                )
        if self.pixels > MOST_PIXELS:
            raise UsageError(
                f"the page's limit of pixels is {self.pixels:,}; it can be at most "
                f"{MOST_PIXELS:,}, as more are taken for a bomb."
            )
