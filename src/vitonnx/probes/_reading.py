"""Probes from words: those of a command line, or what somebody else sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vitonnx.errors import UsageError
from vitonnx.probes._option import Option, options_of
from vitonnx.probes._probe import Probe
from vitonnx.probes._registry import ProbeClass, find_probe

__all__ = ["probe_of_words", "read_probe"]

LONGEST, MOST = 200, 8  # characters of a value, and values of one option


def probe_of_words(kind: ProbeClass, words: Mapping[str, str | bool | Sequence[str]]) -> Any:
    """Make a probe of its options in words; of those that are given several times, in lists.

    Raises
    ------
    UsageError
        If a value can't be read, or the probe refuses it.

    Examples
    --------
    >>> from vitonnx.probes import Heads
    >>> probe_of_words(Heads, {"query": "100,40"})
    Heads(block=-1, query=(100, 40), mass=None)
    """
    known = {option.name: option for option in options_of(kind)}
    return kind(**{name: _value(known[name], said) for name, said in words.items()})


def _value(option: Option, said: str | bool | Sequence[str]) -> Any:
    if isinstance(said, bool):
        return said
    if isinstance(said, str):
        return option.parse(said)
    values = tuple(map(option.parse, said))
    return values[0] if len(values) == 1 else values


def read_probe(name: object, options: object) -> Any:
    """Make a probe of what somebody sent, which may be anything.

    Raises
    ------
    UsageError
        If it is no probe, or no option or value of it, or has it read files of this machine.
    """
    if not isinstance(name, str) or not isinstance(options, dict):
        raise UsageError("The probe must be a name, such as heads, and its options an object.")
    kind = find_probe(name[:LONGEST])
    declared = {each.name: each for each in options_of(kind)}
    if unknown := options.keys() - declared.keys():
        raise UsageError(
            f"{name} has no option {min(unknown)[:LONGEST]!r}; there are {[*declared]}."
        )
    for option, said in options.items():
        _check_words(declared[option], said)
    probe = probe_of_words(kind, options)
    if isinstance(probe, Probe) and probe.fit_source is not None:
        raise UsageError(f"{name} would read files here, and the page reads none: leave that out.")
    return probe


def _check_words(option: Option, said: object) -> None:
    words = said if isinstance(said, list) and option.several else [said]
    if not 0 < len(words) <= MOST or not all(
        isinstance(word, str) and len(word) <= LONGEST for word in words
    ):
        raise UsageError(
            f"{option.flag} takes what the command line does, as a word of at most {LONGEST} "
            f"characters{f' or a list of at most {MOST}' if option.several else ''}."
        )
