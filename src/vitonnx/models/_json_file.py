"""Read an object from an untrusted JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from vitonnx.blame import why_unopened
from vitonnx.errors import UsageError
from vitonnx.filenames import shown
from vitonnx.models._fields import Fields
from vitonnx.regular import refuse_special

__all__ = ["read_json"]

LONGEST: Final = 2**24
"""Bytes: a hundred thousand classes, each named twice as transformers does it, take a third."""


def read_json(path: Path) -> Fields:
    """Read the fields of a JSON file.

    Raises
    ------
    UsageError
        If it can't be read, is too long, or holds no JSON object.
    """
    refuse_special(path, UsageError)
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except (OSError, ValueError) as error:  # a name with a NUL in it is no name
        raise UsageError(
            f"can't read {shown(str(path))}: {why_unopened(error)}. Give the path of a JSON file."
        ) from error
    if len(content) > LONGEST:
        raise UsageError(f"{path} does not describe a model: it has more than {LONGEST:,} bytes.")
    try:
        values = json.loads(content.decode("utf-8-sig"))
    except (RecursionError, MemoryError) as error:
        raise UsageError(f"{path} does not describe a model: it is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise UsageError(
            f"{path} is not valid JSON: fix it at line {error.lineno}, column {error.colno}."
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not JSON: it is not text. Save it as UTF-8.") from error
    except ValueError as error:
        raise UsageError(
            f"{path} does not describe a model: a number in it is too long."
        ) from error
    return Fields(values, path)
