"""What an option is to whoever asks: a number, a choice, a block, a query, or a class."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from vitonnx.probes import Option, read_query

__all__ = ["Role", "role_of"]

Role: TypeAlias = Literal["block", "query", "class", "number", "choice", "switch", "text"]


def role_of(option: Option) -> Role:
    """Tell how an option reaches a small graph.

    Examples
    --------
    >>> from vitonnx.probes import Heads, options_of
    >>> [(each.name, role_of(each)) for each in options_of(Heads)]
    [('block', 'block'), ('query', 'query'), ('mass', 'number')]
    """
    roles: list[tuple[Role, Any]] = [
        ("block", option.name == "block" and option.kind is int),
        ("query", option.read is read_query),
        ("class", "--class" in option.flags),
        ("choice", option.choices),
        # What scales arrays alone no figure shows.
        ("switch", option.kind is bool and not option.constant),
        ("number", option.base is float),
    ]
    return next((role for role, fits in roles if fits), "text")
