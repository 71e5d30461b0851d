"""How models are run: the options that all commands with a model share, in one piece."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Runtime"]


@dataclass(frozen=True)
class Runtime:
    """What is passed on to every `Engine` of a call."""

    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"

    def options(self) -> dict[str, Any]:
        """Give the keyword arguments."""
        return asdict(self)
