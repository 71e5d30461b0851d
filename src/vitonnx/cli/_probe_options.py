"""Options of probes on the command line: taken from the probes, where each is declared once."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, TypeAlias

import typer
from rich.markup import escape

from vitonnx.cli._console import inform
from vitonnx.errors import UsageError
from vitonnx.probes import (
    Option,
    ProbeClass,
    find_probe,
    load_probes,
    options_of,
    probe_of_words,
)

__all__ = [
    "Given",
    "make_named",
    "make_probe",
    "make_probes",
    "say_unusable",
    "shared_options",
    "with_options",
]

Given: TypeAlias = Mapping[str, str | bool | list[str] | None]
"""Options as they were typed, by name; None where nothing was."""

# Commas between settings, and not those within one: query=100,40,block=3.
BETWEEN = re.compile(r",\s*(?=[A-Za-z_-]+=)")


def with_options(
    command: Callable[..., None],
    options: Iterable[Option],
    *,
    help: str = "",  # noqa: A002
) -> Callable[..., None]:
    """Give a command the options of probes beside its own.

    Parameters
    ----------
    command : callable
        Its first parameter takes what was `Given` of these options; the others are its own.
    options : iterable of Option
        To add.
    help : str
        What the command does, if not what its docstring says.

    Returns
    -------
    callable
        With the signature that Typer reads.
    """
    options = list(options)
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    added = [
        inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(option),
        )
        for option in options
    ]

    @functools.wraps(command)
    def with_those(**values: Any) -> None:
        given = {option.name: values.pop(option.name) for option in options}
        command(given, **values)

    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own]
    # Behind what names the probes, or else behind the arguments.
    first = [each.name == "probe" or "ArgumentInfo" in repr(each.annotation) for each in own]
    place = max((place for place, is_first in enumerate(first, start=1) if is_first), default=0)
    signature = inspect.Signature([*parameters[:place], *added, *parameters[place:]])
    with_those.__signature__ = signature  # type: ignore[attr-defined]
    with_those.__annotations__ = {
        name: parameter.annotation for name, parameter in signature.parameters.items()
    }
    with_those.__doc__ = escape(help) if help else command.__doc__
    return with_those


def _annotation(option: Option) -> Any:
    plain = option.default is None or option.default is False
    words = option.help if plain else f"{option.help} (default: {option.default})"
    if option.kind is bool:
        flag = f"{option.flag}/--no-{option.flag[2:]}" if option.default else option.flag
        return Annotated[bool | None, typer.Option(flag, help=escape(words))]
    kind: Any = list[str] if option.several else str
    own = typer.Option(*option.flags, metavar=option.placeholder, help=escape(words))
    return Annotated[kind | None, own]


def shared_options(probes: Iterable[ProbeClass]) -> list[Option]:
    """Join the options of several probes, for a command that asks some of them.

    None has a default: what isn't typed is left to each probe. Options that no graph depends on
    are left out.
    """
    found: dict[str, Option] = {}
    repeated: set[str] = set()
    for probe in probes:
        for option in options_of(probe):
            if option.several:
                repeated.add(f"{option.other_name}_")
            if option.in_graph:
                help_ = f"[{probe.name}] {option.help}"
                shared = replace(option, default=None, help=help_, other_name="")
                found.setdefault(option.name, shared)
    # What one probe takes once and another several times can be typed several times.
    return [replace(each, several=each.several or each.name in repeated) for each in found.values()]


def make_probe(probe: ProbeClass, given: Given) -> Any:
    """Make a probe of its options as they were typed.

    Raises
    ------
    UsageError
        If a value can't be read, or the probe refuses it.
    """
    said = {name: value for name, value in given.items() if value is not None and value != []}
    return probe_of_words(probe, said)


def make_probes(words: Sequence[str], shared: Given, *, graph_only: bool = False) -> list[Any]:
    """Make the probes that ``--probe`` names, each with its own options and those that it shares.

    Parameters
    ----------
    words : sequence of str
        ``NAME`` or ``NAME:option=value,option=value``.
    shared : mapping
        Options of the command: each goes to every probe that has it.
    graph_only : bool
        Whether options that only affect figures are refused.

    Raises
    ------
    UsageError
        If there is no such probe or option, one is named twice, or an option is nobody's.

    Examples
    --------
    >>> make_probes(["heads:query=100,40,block=3", "rollout"], {"fusion": "max"})
    [Heads(block=3, query=(100, 40), mass=None), Rollout(fusion='max', discard=0.0)]
    """
    say_unusable()
    said = {name: value for name, value in shared.items() if value not in (None, [])}
    probes, unused = [], dict(said)
    for word in words:
        probe, own, named = _read(word, "--probe", graph_only=graph_only)
        unused = {option: value for option, value in unused.items() if option not in named}
        mine = {named[option]: value for option, value in said.items() if option in named}
        probes.append(make_probe(probe, {**mine, **own}))
    names = [probe.name for probe in probes]
    if len(set(names)) < len(names):
        raise UsageError("--probe names each kind of probe once.")
    for option in unused:
        asked = f"the probe{'s' * (len(names) > 1)} {' and '.join(names)}"
        flag = "--" + option.rstrip("_").replace("_", "-")
        raise UsageError(f"{flag} has no meaning for {asked}: leave it out.")
    return probes


def make_named(words: Sequence[str], *, flag: str) -> dict[str, Any]:
    """Make a probe of each word, by the word: the same kind may come again with other options.

    Parameters
    ----------
    words : sequence of str
        As in `make_probes`.
    flag : str
        Option that they are given by.

    Raises
    ------
    UsageError
        If there is no such probe or option, or a word comes twice.

    Examples
    --------
    >>> make_named(["heads:block=3", "heads"], flag="--map")["heads:block=3"]
    Heads(block=3, query=None, mass=None)
    """
    say_unusable()
    found: dict[str, Any] = {}
    for word in words:
        if word in found:
            raise UsageError(f"{flag} {word} is given twice: leave one out.")
        probe, own, _ = _read(word, flag)
        found[word] = make_probe(probe, own)
    return found


def _read(
    word: str, flag: str, *, graph_only: bool = False
) -> tuple[ProbeClass, dict[str, str], dict[str, str]]:
    """Read ``NAME:option=value``: the probe, its options, and all that it has, by their names.

    An option has another name too, which commands that share options may know it by.
    """
    name, colon, settings = word.partition(":")
    if colon and not settings:
        raise UsageError(f"{flag} {word} sets nothing: write {name}:option=value, or {name}.")
    probe = find_probe(name)
    options = [each for each in options_of(probe) if each.in_graph or not graph_only]
    named = {each.name: each.name for each in options}
    for each in options:
        if each.other_name:
            named |= dict.fromkeys((each.other_name, f"{each.other_name}_"), each.name)
    return probe, _settings(name, settings, named, flag), named


def _settings(probe: str, text: str, named: Mapping[str, str], flag: str) -> dict[str, str]:
    """Read what stands behind a probe's name."""
    found = {}
    for setting in filter(None, BETWEEN.split(text)):
        name, equals, value = setting.partition("=")
        option = name.strip().lstrip("-").replace("-", "_")
        if not equals:
            raise UsageError(
                f"{flag} {probe}:{text}: {setting!r} sets nothing: write option=value."
            )
        if option not in named:
            options = ", ".join(dict.fromkeys(named.values())) or "none"
            raise UsageError(f"{flag} {probe}:{text}: {probe} has no option {name}: {options}.")
        option = named[option]
        if option in found:
            raise UsageError(f"{flag} {probe}:{text}: {name} is set twice: leave one out.")
        found[option] = value
    return found


@functools.cache
def say_unusable() -> None:
    """Name on stderr, once, the installed probes that can't be used."""
    for complaint in load_probes().complaints:
        inform(complaint)
