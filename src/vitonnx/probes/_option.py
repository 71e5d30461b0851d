"""An option of a probe, declared once: where its field is."""

from __future__ import annotations

import reprlib
import types
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import array_api_compat

from vitonnx.blame import reason_of
from vitonnx.errors import UsageError

__all__ = ["Option", "is_open", "option", "options_of"]

Value = TypeVar("Value")

KEY = "vitonnx.option"
KINDS = {bool: "", int: "N", float: "X", str: "TEXT"}
WANTED: dict[type, tuple[type, str]] = {
    bool: (bool, "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "text"),
}


@dataclass(frozen=True)
class Option:
    """One option of a probe, as commands and controls need it.

    Parameters
    ----------
    name : str
        Name of the field; on the command line, ``--name`` with dashes.
    kind : type
        bool, int, float or str.
    default : object
        Value where nothing is given.
    help : str
        One sentence, verb first.
    choices : tuple of str
        The words allowed; empty for any.
    metavar : str or None
        What stands for the value in ``--help``.
    read : callable or None
        Reads the value from a word.
    in_graph : bool
        Whether the compiled graph depends on it. Other options affect figures and masks only.
    least, most : float or None
        Bounds, inclusive.
    optional : bool
        Whether it may be None.
    constant : bool
        Whether it reaches a graph in the probe's constants alone, so that one graph serves all its
        values.
    several : bool
        Whether a command takes it several times; the field is then a tuple of the values.
    other_name : str
        Another name in the command of the probe, with the same meaning; empty for none.
    base : type
        The first type of the field's annotation, whatever words a command takes for it.
    """

    name: str
    kind: type
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    read: Callable[[str], Any] | None = None
    in_graph: bool = True
    least: float | None = None
    most: float | None = None
    optional: bool = False
    constant: bool = False
    several: bool = False
    other_name: str = ""
    base: Any = str

    @property
    def flags(self) -> tuple[str, ...]:
        """All its spellings on the command line."""
        return (self.flag, f"--{self.other_name}") if self.other_name else (self.flag,)

    @property
    def flag(self) -> str:
        """Its spelling on the command line."""
        return "--" + self.name.rstrip("_").replace("_", "-")

    @property
    def placeholder(self) -> str:
        """What stands for the value in a command's help."""
        return self.metavar or "|".join(self.choices) or KINDS[self.kind]

    def parse(self, text: str) -> Any:
        """Read a value from a word of the command line.

        Raises
        ------
        UsageError
            If the word is no such value.

        Examples
        --------
        >>> Option("block", int, -1, "Take this block.").parse("3")
        3
        >>> Option("block", int, -1, "Take this block.").parse("last")
        Traceback (most recent call last):
            ...
        vitonnx.errors.UsageError: --block 'last' is not a whole number.
        """
        if self.read is not None:
            try:
                return self.read(text)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                if isinstance(error, UsageError):
                    raise
                raise UsageError(
                    f"{self.flag} {text!r} can't be used: {reason_of(error)}."
                ) from error
        try:
            match self.kind.__name__:
                case "bool":
                    return {"true": True, "false": False}[text.lower()]
                case "int":
                    return int(text)
                case "float":
                    return float(text)
        except (KeyError, ValueError) as error:
            raise UsageError(f"{self.flag} {text!r} is not {WANTED[self.kind][1]}.") from error
        return text

    def check(self, value: Any) -> None:
        """Raise a UsageError unless the value is allowed."""
        if value is self.default or (value is None and (self.optional or self.read is not None)):
            return
        if is_open(value):
            return
        kind, wanted = WANTED[self.kind]
        fits = isinstance(value, kind) and isinstance(value, bool) == (self.kind is bool)
        if not fits and self.read is None and not self.choices:
            raise UsageError(f"{self.name} is {reprlib.repr(value)}; it must be {wanted}.")
        if self.choices and value not in self.choices:
            raise UsageError(
                f"{self.name} {value!r} is unknown; there are {', '.join(self.choices)}."
            )
        if self.least is None and self.most is None:
            return
        low = float("-inf") if self.least is None else self.least
        high = float("inf") if self.most is None else self.most
        if not low <= value <= high:
            bounds = f"from {low:g} to {high:g}" if self.most is not None else f"at least {low:g}"
            raise UsageError(f"{self.name} is {value}; it must be {bounds}.")


def is_open(value: object) -> bool:
    """Tell whether a number is an array without values: an input of the graph that is being traced.

    Nothing can be checked of it, nor said in words: it stands for any number.
    """
    return array_api_compat.is_array_api_obj(value) and array_api_compat.is_lazy_array(value)


def option(
    default: Value,
    help: str,  # noqa: A002 - the word of command lines
    *,
    metavar: str | None = None,
    read: Callable[[str], Any] | None = None,
    in_graph: bool = True,
    least: float | None = None,
    most: float | None = None,
    constant: bool = False,
    several: bool = False,
    other_name: str = "",
) -> Value:
    """Declare a field of a probe as an option of all commands that ask it.

    Its type is the field's annotation: bool, int, float, str or a Literal of words, each possibly
    ``| None``. Any other type needs `read`.

    Parameters
    ----------
    default, help, metavar, read, in_graph, least, most, constant, several, other_name
        See `Option`.

    Examples
    --------
    >>> @dataclass(frozen=True)
    ... class Question:
    ...     block: int = option(-1, "Take this block; -1 is the last.")
    >>> [(found.flag, found.default) for found in options_of(Question)]
    [('--block', -1)]
    """
    declared = Option(
        *("", str, default, help, (), metavar, read, in_graph, least, most),
        constant=constant,
        several=several,
        other_name=other_name,
    )
    return field(default=default, metadata={KEY: declared})


def options_of(probe: type) -> tuple[Option, ...]:
    """List the options of a probe's class, in the order of its fields.

    Raises
    ------
    TypeError
        If the type of one can't be read from a command line.
    """
    declared = [entry for entry in fields(probe) if KEY in entry.metadata]
    if not declared:
        return ()
    hints = get_type_hints(probe)
    return tuple(
        _typed(replace(entry.metadata[KEY], name=entry.name), hints[entry.name])
        for entry in declared
    )


def _typed(declared: Option, hint: Any) -> Option:
    """Take the kind of an option, and its choices, from the annotation of its field."""
    given = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    (first, *others) = [each for each in given if each is not type(None)]
    choices = get_args(first) if get_origin(first) is Literal else ()
    kind = str if choices or declared.read else first
    words = all(isinstance(choice, str) for choice in choices)
    if kind not in KINDS or not words or (others and declared.read is None):
        raise TypeError(f"option {declared.name} is of type {hint}: give it a `read`.")
    return replace(declared, kind=kind, choices=choices, optional=type(None) in given, base=first)
