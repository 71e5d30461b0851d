"""Whoever wants to know what is going on while a model is fetched and made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Listener", "Say", "ignore"]

Say = Callable[[str], None]


def ignore(words: str) -> None:
    """Do nothing with what is said."""


@dataclass(frozen=True)
class Listener:
    """Who is told.

    Parameters
    ----------
    say : callable
        Told, in a sentence, what is good to know.
    progress : callable
        Told what is being done now.
    """

    say: Say = ignore
    progress: Say = ignore
