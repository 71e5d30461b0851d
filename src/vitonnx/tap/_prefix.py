"""What the tokens in front of the patches are called."""

from __future__ import annotations

from collections.abc import Sequence

from vitonnx.errors import UsageError
from vitonnx.tap._patches import Patches

__all__ = ["check_prefix", "name_prefix"]


def check_prefix(given: Sequence[str]) -> tuple[str, ...]:
    """Trim names of prefix tokens, and see that they tell tokens apart.

    Raises
    ------
    UsageError
        If one is empty, or stands twice.

    Examples
    --------
    >>> check_prefix(["cls", " reg0"])
    ('cls', 'reg0')
    """
    names = tuple(name.strip() for name in given)
    if "" in names:
        raise UsageError("--prefix has an empty name: write the names with commas between them.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--prefix names {twice} twice: give every token a name of its own.")
    return names


def name_prefix(
    patches: Patches,
    given: tuple[str, ...] | None,
    described: tuple[str, ...] | None,
    read: frozenset[int] | None,
) -> tuple[tuple[str, ...], str | None]:
    """Name prefix tokens; and say so where that is a guess.

    Parameters
    ----------
    patches : Patches
        They say how many tokens are in front of them, and how many of these have positions.
    given : tuple of str or None
        By the caller.
    described : tuple of str or None
        By the model's description.
    read : frozenset of int or None
        Those that the head reads; None where that isn't known.

    Returns
    -------
    names : tuple of str
    guess : str or None
        A sentence without its stop.

    Raises
    ------
    UsageError
        If the names given are more or fewer.
    """
    count = patches.prefix
    if given is not None:
        if len(given) != count:
            raise UsageError(
                f"--prefix names {len(given)} tokens, and the model has {count} in front of its "
                "patches."
            )
        return given, None
    if described is not None and len(described) == count:
        return described, None
    if count < 2 and (not count or read):
        return ("cls",)[:count], None
    if read is None and count < 2:
        return ("cls",), None
    names = _unread(count, patches.placed) if read == frozenset() else _read(count, read)
    by = "their number" if read is None else "what the head reads"
    tokens = (
        "token in front of the patches is"
        if count == 1
        else (f"{count} tokens in front of the patches are")
    )
    return names, (
        f"the {tokens} taken for {', '.join(names)}, by {by}: say --prefix where that is wrong"
    )


def _read(count: int, read: frozenset[int] | None) -> tuple[str, ...]:
    """Name tokens of which a head reads some: a single one is the class token, two are both."""
    if read is not None and len(read) == 1:
        return _with_registers(count, {min(read): "cls"})
    return ("cls", "dist") if count == 2 else _with_registers(count, {0: "cls"})


def _unread(count: int, placed: int | None) -> tuple[str, ...]:
    """Name tokens of which a head reads none, as it takes the mean of the patches.

    Registers come in even numbers, and have no positions of their own: a token that has one, or
    that is odd, is a class token that the head does without; but for a single one where patches
    alone have positions.
    """
    has_class = bool(placed) or (count % 2 == 1 and (count > 1 or placed is None))
    return _with_registers(count, {0: "cls"} if has_class else {})


def _with_registers(count: int, others: dict[int, str]) -> tuple[str, ...]:
    """Call all tokens registers but for some."""
    registers = (f"reg{number}" for number in range(count))
    return tuple(others.get(place) or next(registers) for place in range(count))
