"""The runtime options that all commands with a model share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Runtime"]


@dataclass(frozen=True)
class Runtime:
    """Options passed on to every `Engine` of a call."""

    device: str = "auto"
    threads: int | None = None
    precision: str = "auto"

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments."""
        return asdict(self)
