"""Several models on the same pictures: a picture counts where all of them take it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from vitonnx.engine import Result

    Answer: TypeAlias = tuple[Result, ...]
    """What each model says of one picture: either all have a result, or all the same error."""

__all__ = ["agreed"]


def agreed(streams: Iterable[Iterator[Result]]) -> Iterator[Answer]:
    """Ask all models of a picture before any of the next; a bad picture is bad for all."""
    return map(_agree, zip(*streams, strict=True))


def _agree(answer: Answer) -> Answer:
    """Give the first error to all models."""
    bad = next((result for result in answer if result.error is not None), None)
    return answer if bad is None else (bad,) * len(answer)
