"""Damaged files: what libraries raise on them, as one sentence."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from zipfile import BadZipFile

from vitonnx.errors import CheckpointError

__all__ = ["ZIP_ERRORS", "damaged", "reading"]

# RuntimeError: of an encrypted member, or one in a compression that Python lacks.
ZIP_ERRORS: Final = (BadZipFile, zlib.error, EOFError, KeyError, RuntimeError)


def damaged(path: Path, reason: object) -> CheckpointError:
    """Make the error for a file that broke off or was changed on its way."""
    return CheckpointError(f"{path} is truncated or damaged ({reason}): download it again.")


@contextmanager
def reading(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn these errors, raised by what is read inside, into `damaged`."""
    try:
        yield
    except errors as error:
        raise damaged(path, error) from error
