"""Report files that a search for pictures skips."""

from __future__ import annotations

from pathlib import Path

from vitonnx.media._kinds import Kind, kind_of

__all__ = ["PassedOver"]


class PassedOver:
    """Count of skipped files that a user may miss: videos, and pictures in unsupported formats.

    Notes, tables and other files that aren't pictures are not counted.
    """

    def __init__(self) -> None:
        self._found: dict[Kind, tuple[int, str]] = {}

    def add(self, path: Path) -> None:
        """Take note of a file that isn't read as a picture."""
        kind = kind_of(path.suffix)
        if kind is None or not path.is_file():
            return
        count, first = self._found.get(kind, (0, path.name))
        self._found[kind] = count + 1, min(first, path.name)

    def __bool__(self) -> bool:
        return bool(self._found)

    def __str__(self) -> str:
        """Name each kind, one of its files, and what to do."""
        return ", ".join(
            f"{kind.counted(count)} ({first}{' …' * (count > 1)}; {kind.remedy})"
            for kind, (count, first) in sorted(self._found.items(), key=lambda item: item[0].name)
        )
