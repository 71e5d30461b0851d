"""Classes of a model's head, as they are asked for: by number or by name."""

from __future__ import annotations

import difflib
import functools

from vitonnx.errors import UsageError
from vitonnx.layout import Layout

__all__ = ["class_name", "find_class"]

NEAREST = 3


def find_class(asked: str | int, layout: Layout) -> int:
    """Find the number of a class.

    A name is a class's whole name, or one of several that commas separate; in any case, where
    none is written just so.

    Parameters
    ----------
    asked : str or int
        Number or name.
    layout : Layout
        The model's.

    Raises
    ------
    UsageError
        If there is no such class, or several of the name.

    Examples
    --------
    >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6,
    ...              classes=("tench, Tinca tinca", "crane", "maillot, tank suit"), class_count=3)
    >>> find_class("Tinca tinca", vit), find_class("Maillot", vit), find_class("1", vit)
    (0, 2, 1)
    >>> find_class("krane", vit)
    Traceback (most recent call last):
        ...
    vitonnx.errors.UsageError: the model has no class 'krane'; the nearest names are crane. Give \
one, or a number from 0 to 2.
    """
    if not isinstance(asked, str):
        return _checked(int(asked), layout)
    plain = _spellings(layout.classes or (), plain=True)
    numbers = _spellings(layout.classes or ()).get(asked) or plain.get(_plain(asked), [])
    count = _count(layout) or 0
    if asked.isdecimal() and numbers and int(asked) < count and numbers != [int(asked)]:
        raise UsageError(
            f"{asked!r} is the name of class {numbers[0]}, and the number of another: classes "
            f"{numbers[0]} and {asked} may be meant. Give the number from Python."
        )
    if len(numbers) == 1:
        return numbers[0]
    if numbers:
        both = " and ".join(map(str, numbers))
        raise UsageError(f"the classes {both} are both called {asked!r}: give the number.")
    if asked.isdecimal():
        return _checked(int(asked), layout)
    if not plain:
        raise UsageError(
            f"the model doesn't name its classes, so {asked!r} can't be found: give "
            f"{_range(layout)}."
        )
    near = difflib.get_close_matches(_plain(asked), plain, n=NEAREST)
    names = list(dict.fromkeys(class_name(plain[name][0], layout.classes) for name in near))
    hint = f"; the nearest names are {' | '.join(names)}" if names else ""
    raise UsageError(
        f"the model has no class {asked!r}{hint}. Give {'one, or ' if names else ''}"
        f"{_range(layout)}."
    )


def class_name(number: int, names: tuple[str, ...] | None) -> str:
    """Name a class, by its number where it has no name.

    Examples
    --------
    >>> class_name(1, ("cat", "dog")), class_name(7, None)
    ('dog', 'class 7')
    """
    return names[number] if names and number < len(names) else f"class {number}"


@functools.lru_cache(maxsize=8)  # asked again for every picture
def _spellings(classes: tuple[str, ...], *, plain: bool = False) -> dict[str, list[int]]:
    """Give the numbers of all names that classes have."""
    found: dict[str, list[int]] = {}
    for number, name in enumerate(classes):
        names = [name, *(part.strip() for part in name.split(","))]
        for spelling in dict.fromkeys(map(_plain, names) if plain else names):
            found.setdefault(spelling, []).append(number)
    return found


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _checked(number: int, layout: Layout) -> int:
    count = _count(layout)
    if number < 0 or (count is not None and number >= count):
        known = "they are counted from 0" if count is None else f"it has classes 0 to {count - 1}"
        raise UsageError(f"the model has no class {number}: {known}.")
    return number


def _count(layout: Layout) -> int | None:
    return layout.class_count or (len(layout.classes) if layout.classes else None)


def _range(layout: Layout) -> str:
    count = _count(layout)
    return "a number" if count is None else f"a number from 0 to {count - 1}"
