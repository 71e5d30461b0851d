"""Limits per visitor, and for all visitors together."""

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
        Largest number of requests in the queue; others are asked to try again.
    memory : int
        Bytes of attention that is kept, so that no slider runs a model again.
    disk : int
        Largest size of all uploads and results on the disk, in bytes. They are deleted after an
        hour, and the oldest of them earlier if there are more.
    visitors : int
        Number of visitors whose picture is kept; the least recently active is dropped first.
    models : int
        Number of models that a visitor can show side by side.

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
    memory: int = 256 * MEGABYTE
    disk: int = 2_000 * MEGABYTE
    visitors: int = 200
    models: int = 3

    @property
    def megabytes(self) -> int:
        """The largest upload, for a sentence."""
        return self.upload // MEGABYTE

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
