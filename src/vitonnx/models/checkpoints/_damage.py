"""Damaged files: whatever is raised while one is read, as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vitonnx.errors import CheckpointError, VitonnxError

__all__ = ["damaged", "reading"]

LONGEST_REASON: Final = 300
"""Letters: libraries quote what they stumble over, and that may be all of a file."""


def damaged(path: Path, reason: str) -> CheckpointError:
    """Make the error for a file that broke off or was changed on its way."""
    return CheckpointError(
        f"{path} is truncated or damaged ({reason[:LONGEST_REASON]}): download it again."
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn all that is raised by what is read inside into `damaged`.

    It is the file's fault, whatever it is: libraries are not made for files that lie.
    """
    try:
        yield
    except VitonnxError:
        raise
    except MemoryError as error:
        raise damaged(path, "it asks for more memory than there is") from error
    except Exception as error:
        raise damaged(path, str(error).partition("\n")[0] or type(error).__name__) from error
