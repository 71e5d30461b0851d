"""Probes from the words that a page sends, and what they find as the JSON that it takes."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from vitonnx.errors import UsageError
from vitonnx.probes import Option, Probe, WeightProbe, find_probe, options_of

__all__ = ["answer_json", "read_probe"]

LONGEST, MOST = 200, 8  # characters of a value, and values of one option
KINDS = {"ColourMaps": "colours", "ClassMaps": "classes"}  # others are called as their classes
# What JavaScript has typed arrays for; others are sent as the next wider.
SENT = {"f2": "f4", "f4": "f4", "f8": "f8", "u1": "u1", "b1": "b1"}


def read_probe(name: object, options: object) -> Probe[Any] | WeightProbe[Any]:
    """Make a probe of its options' words, which are those of the command line.

    Raise a UsageError for what is no option or no value, or has it read files of this machine.
    """
    if not isinstance(name, str) or not isinstance(options, dict):
        raise UsageError("The probe must be a name, such as heads, and its options an object.")
    kind = find_probe(name[:LONGEST])
    declared = {each.name: each for each in options_of(kind)}
    if unknown := options.keys() - declared.keys():
        raise UsageError(
            f"{name} has no option {min(unknown)[:LONGEST]!r}; there are {[*declared]}."
        )
    probe = kind(**{each: _value(declared[each], said) for each, said in options.items()})
    if isinstance(probe, Probe) and probe.fit_source is not None:
        raise UsageError(f"{name} would read files here, and the page reads none: leave that out.")
    return probe


def _value(option: Option, said: object) -> Any:
    words = said if isinstance(said, list) and option.several else [said]
    if not 0 < len(words) <= MOST or not all(
        isinstance(word, str) and len(word) <= LONGEST for word in words
    ):
        raise UsageError(
            f"{option.flag} takes what the command line does, as a word of at most {LONGEST} "
            f"characters{f' or a list of at most {MOST}' if option.several else ''}."
        )
    values = tuple(map(option.parse, words))
    return values if isinstance(said, list) else values[0]


def answer_json(finding: Any, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Give an answer by the finding's shape: names in camel case, and arrays in base64."""
    kind = type(finding).__name__
    said = {_camel(each.name): _plain(getattr(finding, each.name)) for each in fields(finding)}
    return {
        "finding": {"kind": KINDS.get(kind, kind.lower()), **said},
        "arrays": {name: _plain(np.asarray(array)) for name, array in arrays.items()},
    }


def _plain(value: Any) -> Any:
    if not hasattr(value, "dtype"):
        return value
    array = np.asarray(value)
    array = np.asarray(array, "<" + SENT.get(array.dtype.str[1:], "i8"), order="C")
    data = base64.b64encode(array.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)
