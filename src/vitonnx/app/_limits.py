"""How much one visitor may ask, and how much all of them together."""

from __future__ import annotations

from dataclasses import dataclass, fields

from vitonnx.errors import UsageError

__all__ = ["MEGABYTE", "Limits"]

MEGABYTE = 2**20
MOST_PIXELS = 178_000_000  # Pillow itself refuses 2 * PIL.Image.MAX_IMAGE_PIXELS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the page takes, and what it keeps.

    Parameters
    ----------
    upload : int
        Bytes of a picture or video.
    pixels : int
        Of a picture, and of a frame of a video, before anything is decoded.
    seconds : int
        Of a video.
    waiting : int
        Questions in the queue; who comes then is asked to come again.
    memory : int
        Bytes of attention that is kept, so that no slider runs a model again.
    disk : int
        Bytes of all that came or was made and lies on the disk. It is deleted after an hour, and
        the oldest of it before where there is more.
    visitors : int
        Whose picture is kept; the one who was away for the longest time is forgotten first.
    models : int
        That one visitor sets side by side.

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
