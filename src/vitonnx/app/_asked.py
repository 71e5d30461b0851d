"""Read which models and which probe a visitor asks, and trust nothing of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.probes import Option, Probe, WeightProbe, find_probe, options_of

__all__ = ["choose", "read_probe"]

LONGEST, MOST = 200, 8  # characters of a value, and values of one option


def choose(engines: Mapping[str, Engine], names: Sequence[str], most: int) -> dict[str, Engine]:
    """Choose engines by their names; raise a UsageError for none, too many, or one not here."""
    if not names:
        raise UsageError(f"No model is chosen: choose from {', '.join(engines)}.")
    if len(names) > most:
        raise UsageError(f"{len(names)} models are too many side by side: choose at most {most}.")
    for name in names:
        if name not in engines:
            raise UsageError(f"There is no such model here: choose from {', '.join(engines)}.")
    return {name: engines[name] for name in names}


def read_probe(name: object, options: object) -> Probe[Any] | WeightProbe[Any]:
    """Make a probe of its options' words, which are those of the command line.

    Raise a UsageError for what is no option or no value of one, and for options that would have
    the probe read files of this machine.
    """
    if not isinstance(name, str) or len(name) > LONGEST:
        raise UsageError("The probe must be named by a word, such as heads.")
    kind = find_probe(name)
    declared = {each.name: each for each in options_of(kind)}
    if not isinstance(options, dict) or (unknown := options.keys() - declared.keys()):
        given = (
            ", ".join(map(ascii, sorted(unknown)))[:LONGEST] if isinstance(options, dict) else ""
        )
        there_are = ", ".join(declared) or "none"
        raise UsageError(f"{name} has no options {given}; there are {there_are}.")
    probe = kind(**{each: _value(declared[each], options[each]) for each in options})
    if isinstance(probe, Probe) and probe.fit_source is not None:
        raise UsageError(
            f"{name} would read files of this machine, which this page doesn't: show the picture "
            "here, or use the command line."
        )
    return probe


def _value(option: Option, said: object) -> Any:
    words = said if isinstance(said, list) and option.several else [said]
    texts = [word for word in words if isinstance(word, str) and len(word) <= LONGEST]
    if texts != words or not 0 < len(words) <= MOST:
        raise UsageError(
            f"{option.flag} takes a word as on the command line of at most {LONGEST} characters"
            f"{f', or a list of at most {MOST}' if option.several else ''}."
        )
    values = [option.parse(text) for text in texts]
    return tuple(values) if isinstance(said, list) else values[0]
