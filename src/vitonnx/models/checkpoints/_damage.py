"""Damaged files: whatever is raised while one is read, as one sentence."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from vitonnx.blame import blamed_on
from vitonnx.errors import CheckpointError

__all__ = ["damaged", "reading"]


def damaged(path: Path, reason: str) -> CheckpointError:
    """Make the error for a file that broke off or was changed on its way."""
    return CheckpointError(_sentence(path, reason))


def reading(path: Path) -> AbstractContextManager[None]:
    """Turn any error raised while reading into `damaged`."""
    return blamed_on(path, CheckpointError, lambda reason: _sentence(path, reason))


def _sentence(path: Path, reason: str) -> str:
    return f"{path} is truncated or damaged ({reason}): download it again."
