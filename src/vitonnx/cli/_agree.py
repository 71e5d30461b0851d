"""Run several models on the same pictures; a picture counts only if all of them succeed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from vitonnx.engine import Result

    Answer: TypeAlias = tuple[Result, ...]
    """Results of all models for one picture: either none failed, or all hold the same error."""

__all__ = ["agreed"]


def agreed(streams: Iterable[Iterator[Result]]) -> Iterator[Answer]:
    """Run all models on a picture before the next one; an error in one counts for all."""
    return map(_agree, zip(*streams, strict=True))


def _agree(answer: Answer) -> Answer:
    """Give the first error to all models."""
    bad = next((result for result in answer if result.error is not None), None)
    return answer if bad is None else (bad,) * len(answer)
