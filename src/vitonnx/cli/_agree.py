"""Run several models on the same pictures; a picture counts only if all of them succeed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.engine import Engine, Result

    Answer: TypeAlias = tuple[Result, ...]
    """Results of all models for one picture: either none failed, or all hold the same error."""

__all__ = ["agreed"]


def agreed(
    engines: Mapping[str, Engine], pictures: Sequence[Path], probes: Sequence[Any]
) -> Iterator[Answer]:
    """Ask all models of a picture before any of the next; a bad picture is bad for all.

    Raises
    ------
    UsageError
        If a model doesn't have what a probe asks for; of several models it says which.
    """
    streams = []
    for name, engine in engines.items():
        try:
            streams.append(engine.stream(pictures, probes))
        except UsageError as error:
            raise UsageError(f"{name}: {error}" if len(engines) > 1 else str(error)) from error
    return map(_agree, zip(*streams, strict=True))


def _agree(answer: Answer) -> Answer:
    """Give the first error to all models."""
    bad = next((result for result in answer if result.error is not None), None)
    return answer if bad is None else (bad,) * len(answer)
