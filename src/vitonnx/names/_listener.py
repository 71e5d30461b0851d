"""Callbacks for messages and progress while a model is downloaded and made probe-ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Listener", "Say", "ignore"]

Say = Callable[[str], None]


def ignore(words: str) -> None:
    """Ignore a message."""


@dataclass(frozen=True)
class Listener:
    """Callbacks: ``say`` for a sentence worth knowing, ``progress`` for the current step."""

    say: Say = ignore
    progress: Say = ignore
