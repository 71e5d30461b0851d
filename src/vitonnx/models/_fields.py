"""Read a JSON object from an untrusted file, and take its values one by one, each type checked."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, Self, TypeGuard, TypeVar

from vitonnx.blame import why_unopened
from vitonnx.errors import UsageError
from vitonnx.filenames import is_text, shown
from vitonnx.manifest import LARGEST_SIDE
from vitonnx.models._brief import brief, some
from vitonnx.regular import refuse_special

__all__ = ["LARGEST", "Fields", "is_label", "read_json"]

Choice = TypeVar("Choice", bound=str)

LARGEST: Final = 100_000
"""Of whole numbers: classes of the largest datasets; widths and depths have less."""

LEAST_NUMBER: Final = 1e-30
LARGEST_NUMBER: Final = 1e6
"""Of all others: epsilons have down to 1e-12, and what is scaled by them stays finite."""

LONGEST_TEXT: Final = 1_000
"""Letters of a text, as in a manifest: what ImageNet calls its classes has up to 130."""

LONGEST_FILE: Final = 2**24
"""Bytes: a hundred thousand classes, each named twice as transformers does it, take a third."""


class Fields:
    """JSON object from a file, read with error messages for the author of the file.

    Each method takes a key and a default, for where the key is absent or null; without a default,
    the key must be there. ``name`` is the key under which the object itself stands in the file,
    empty for the whole of it.

    Raises
    ------
    UsageError
        From every method, if the value is missing or invalid.

    Examples
    --------
    >>> fields = Fields({"depth": 12, "crop": 1}, Path("config.json"))
    >>> fields.integer("depth"), fields.number("crop"), fields.text("name", "mine")
    (12, 1.0, 'mine')
    >>> fields.integer("heads")
    Traceback (most recent call last):
    vitonnx.errors.UsageError: config.json has no 'heads': add it, as a whole number, ...
    """

    def __init__(self, values: object, path: Path, name: str = "") -> None:
        if not isinstance(values, dict):
            where = f"{name!r} in {path}" if name else str(path)
            raise UsageError(f"{where} is not a JSON object: put its fields in braces.")
        self.values: dict[str, Any] = values
        self.path = path
        self.name = name

    def __contains__(self, key: str) -> bool:
        return self.values.get(key) is not None

    def error(self, key: str, expected: str) -> UsageError:
        """Make the error for a missing value, or one of the wrong kind."""
        full = f"{self.name}.{key}" if self.name else key
        if key not in self.values:
            return UsageError(f"{self.path} has no {full!r}: add it, as {expected}.")
        return UsageError(
            f"{self.path} has {brief(self.values[key])} as {full!r}; it must be {expected}."
        )

    def integer(self, key: str, default: int | None = None, *, most: int = LARGEST) -> int:
        """Return a whole number, zero or more, and no larger than any model needs."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not _is_integer(value) or not 0 <= value <= most:
            raise self.error(key, f"a whole number, at most {most:,}")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """Return a number above zero."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not _is_number(value) or not LEAST_NUMBER <= value <= LARGEST_NUMBER:
            raise self.error(key, f"a number above 0, at most {LARGEST_NUMBER:,.0f}")
        return float(value)

    def text(self, key: str, default: str | None = None) -> str:
        """Return a text; an empty one counts as missing."""
        value = self.values.get(key)
        if value in (None, "") and default is not None:
            return default
        if not is_label(value) or not value:
            raise self.error(key, "a text")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.error(key, "true or false")
        return value

    def choice(
        self, key: str, choices: Collection[Choice], default: Choice | None = None
    ) -> Choice:
        """Return one of several texts."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        for choice in choices:
            if value == choice:
                return choice
        raise self.error(key, f"one of {', '.join(choices)}")

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if not isinstance(value, list) or len(value) > LARGEST or not all(map(is_label, value)):
            raise self.error(key, f"a list of at most {LARGEST:,} texts")
        return tuple(value)

    def size(self, key: str, default: tuple[int, int] | None = None) -> tuple[int, int]:
        """Return height and width from a list of both, or from one number for a square."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        sides = [value, value] if _is_integer(value) else value
        if (
            not isinstance(sides, list)
            or len(sides) != 2
            or not all(_is_integer(side) and 0 < side <= LARGEST_SIDE for side in sides)
        ):
            raise self.error(key, f"[height, width] in pixels, at most {LARGEST_SIDE:,}")
        return sides[0], sides[1]

    def side(self, key: str, default: int | None = None) -> int:
        """Return the side of a square from one number, or from a list of two equal ones."""
        height, width = self.size(key, None if default is None else (default, default))
        if height != width:
            raise self.error(key, "one number: only squares are supported")
        return height

    def colour(
        self,
        key: str,
        default: tuple[float, float, float] | None = None,
        *,
        above_zero: bool = False,
    ) -> tuple[float, float, float]:
        """Return three numbers, for red, green and blue."""
        value = self.values.get(key)
        if value is None and default is not None:
            return default
        if (
            not isinstance(value, list)
            or len(value) != 3
            or not all(_is_number(part) and abs(part) <= LARGEST_NUMBER for part in value)
            or (above_zero and min(value) < LEAST_NUMBER)
        ):
            raise self.error(key, f"three numbers{' above 0' if above_zero else ''}")
        return float(value[0]), float(value[1]), float(value[2])

    def inner(self, key: str) -> Self:
        """Return the object under a key, or an empty one if there is none."""
        return type(self)(self.values.get(key) or {}, self.path, key)

    def refuse_others(self, known: Collection[str]) -> None:
        """Refuse keys that aren't known, and so would be ignored."""
        if unknown := [key for key in self.values if key not in known]:
            place = f"under {self.name!r} " if self.name else ""
            raise UsageError(
                f"{self.path} has {some(list(map(brief, unknown)))} {place}which vitonnx doesn't "
                f"know: it knows {', '.join(sorted(known))}."
            )


def _is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, float):
        return math.isfinite(value)
    return _is_integer(value)


def is_label(value: object) -> TypeGuard[str]:
    """Tell whether a value is encodable text, no longer than a label."""
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and is_text(value)


def read_json(path: Path) -> Fields:
    """Read the fields of a JSON file, if it can be read, isn't too long, and is an object."""
    refuse_special(path, UsageError)
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_FILE + 1)
    except (OSError, ValueError) as error:  # a name with a NUL in it is no name
        raise UsageError(
            f"can't read {shown(str(path))}: {why_unopened(error)}. Give the path of a JSON file."
        ) from error
    if len(content) > LONGEST_FILE:
        raise UsageError(
            f"{path} does not describe a model: it has more than {LONGEST_FILE:,} bytes."
        )
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
