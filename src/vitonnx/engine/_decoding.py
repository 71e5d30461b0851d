"""How an engine reads pictures: as what, up to which size, and by how many threads."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Literal, cast, get_args

from vitonnx.engine._placing import place
from vitonnx.engine._preprocess import Prepared, prepare, scaling_errors
from vitonnx.errors import UsageError
from vitonnx.manifest import Preprocessing
from vitonnx.media import Decoded, Encoded, Notice, PictureSource, decoded

__all__ = ["Decode", "Decoding", "check_decode", "usual_decoders"]

Decode = Literal["exact", "fast"]
# With fewer, one slow picture would hold up a batch.
FEWEST_DECODERS = 4


def check_decode(decode: str) -> Decode:
    """Raise a UsageError unless there is such a way to decode.

    Examples
    --------
    >>> check_decode("fast")
    'fast'
    """
    if decode not in get_args(Decode):
        raise UsageError(f"decode {decode!r} is unknown; use {' or '.join(get_args(Decode))}.")
    return cast("Decode", decode)


def usual_decoders() -> int:
    """Give the number of threads that decode: one for each core that this process may use."""
    # Not everywhere is a process held to some of the cores, and asked which.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(FEWEST_DECODERS, cores or 1)


@dataclass(frozen=True)
class Decoding:
    """How pictures are read.

    Parameters
    ----------
    max_pixels, notice
        See `vitonnx.media.decoded`.
    threads : int
        That decode at a time.
    decode : "exact" or "fast"
        Whether JPEGs may be decoded at a fraction of their size, where that is no smaller than the
        recipe scales them to.
    """

    max_pixels: int | None = None
    notice: Notice | None = None
    threads: int = FEWEST_DECODERS
    decode: Decode = "exact"

    def open(self, source: PictureSource, recipe: Preprocessing) -> AbstractContextManager[Decoded]:
        """Decode a picture for a recipe: see `vitonnx.media.decoded`."""
        least = partial(_least, recipe) if self.decode == "fast" else None
        return decoded(source, max_pixels=self.max_pixels, notice=self.notice, least=least)

    def read(
        self,
        source: PictureSource,
        recipe: Preprocessing,
        covered: tuple[int, int] | None = None,
    ) -> Prepared:
        """Decode and `prepare` a picture, within the memory that all decoding threads share.

        Raise a PictureError if it can't be read, or made ready.
        """
        with self.open(source, recipe) as (picture, sides):
            is_named = isinstance(source, str | os.PathLike | Encoded)
            name = str(source) if is_named else "the picture"
            with scaling_errors(name, sides):
                return prepare(picture, recipe, covered, sides=sides)


def _least(recipe: Preprocessing, sides: tuple[int, int]) -> tuple[int, int]:
    """Give the sides that a recipe scales a picture to; its own, where it can't be taken."""
    try:
        return place(sides, recipe.for_picture(sides), None).scaled
    except UsageError:
        return sides
