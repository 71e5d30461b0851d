"""Concurrency of the page's events: which ones wait for each other, and which are dropped."""

from __future__ import annotations

from typing import Final, Literal, TypedDict

__all__ = ["EACH", "FIGURE", "LATEST", "MEMORY", "MODEL", "VIDEO"]


class Lane(TypedDict):
    """Events that wait for each other."""

    concurrency_id: str
    concurrency_limit: int


class Manner(TypedDict):
    """Treatment of an event while the previous one isn't answered."""

    trigger_mode: Literal["multiple", "always_last"]
    show_progress: Literal["hidden"]


MODEL: Final[Lane] = {"concurrency_id": "model", "concurrency_limit": 1}
"""Runs a model, which takes all cores."""

MEMORY: Final[Lane] = {"concurrency_id": "memory", "concurrency_limit": 4}
"""Answers from what is kept."""

FIGURE: Final[Lane] = {"concurrency_id": "figure", "concurrency_limit": 1}
"""Takes Matplotlib a second, in which no visitor should wait for a picture's maps."""

VIDEO: Final[Lane] = {"concurrency_id": "video", "concurrency_limit": 1}
"""Takes a while."""

LATEST: Final[Manner] = {"trigger_mode": "always_last", "show_progress": "hidden"}
"""While a slider moves, the page asks for where it is and not for where it was."""

EACH: Final[Manner] = {"trigger_mode": "multiple", "show_progress": "hidden"}
"""Every one is answered: the viewer itself asks for one patch at a time."""
