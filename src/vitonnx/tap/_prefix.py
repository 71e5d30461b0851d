"""What the tokens in front of the patches are called."""

from __future__ import annotations

from collections.abc import Sequence

from vitonnx.errors import UsageError

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
    count: int,
    given: tuple[str, ...] | None,
    described: tuple[str, ...] | None,
    read: frozenset[int] | None,
) -> tuple[tuple[str, ...], str | None]:
    """Name prefix tokens; and say so where that is a guess.

    Parameters
    ----------
    count : int
        Tokens in front of the patches.
    given : tuple of str or None
        By the caller.
    described : tuple of str or None
        By the model's description.
    read : frozenset of int or None
        Those that the head reads; None where that isn't known. A head that reads one token reads
        the class token, and where it reads none of several, these are registers.

    Returns
    -------
    names : tuple of str
    guess : str or None
        A sentence without its stop.

    Raises
    ------
    UsageError
        If the names given are more or fewer.

    Examples
    --------
    >>> name_prefix(3, None, None, frozenset({0}))[0]
    ('cls', 'reg0', 'reg1')
    >>> name_prefix(2, None, None, frozenset())[0]
    ('reg0', 'reg1')
    """
    if given is not None:
        if len(given) != count:
            raise UsageError(
                f"--prefix names {len(given)} tokens, and the model has {count} in front of its "
                "patches."
            )
        return given, None
    if described is not None and len(described) == count:
        return described, None
    if count < 2:
        return ("cls",)[:count], None
    by = "their number" if read is None else "what the head reads"
    if read is not None and not read:
        names = _with_registers(count, {})
    elif read is not None and len(read) == 1:
        names = _with_registers(count, {min(read): "cls"})
    elif count == 2:
        names = ("cls", "dist")
    else:
        names = _with_registers(count, {0: "cls"})
    return names, (
        f"the {count} tokens in front of the patches are taken for {', '.join(names)}, by {by}: "
        "say --prefix where they are others"
    )


def _with_registers(count: int, others: dict[int, str]) -> tuple[str, ...]:
    """Call all tokens registers but for some."""
    registers = (f"reg{number}" for number in range(count))
    return tuple(others.get(place) or next(registers) for place in range(count))
