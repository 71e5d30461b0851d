"""Damage to JSON: its values, its keys, and how deep it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from fuzz.mutators import raw
from fuzz.mutators.inside import or_raw
from fuzz.mutators.text import ODD

__all__ = ["mutate"]

SCALARS = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.5, 1e-320, 1e308, float("nan"), float("inf")),
    *raw.NUMBERS,
    *(10**30, -(2**63), 10**400),
)
DEEP = (20, 500, 5000, 200_000)


@or_raw
def mutate(content: bytes, random: Random) -> bytes:
    """Change one value or key, or the text."""
    value = json.loads(content)
    chance = random.random()
    if chance < 0.05:
        return raw.mutate(content, random)
    if chance < 0.1:
        return _deep(content, random)
    if chance < 0.15:
        return _twice(content, random)
    value = _changed(value, random)
    # In letters of its own, lone surrogates too, as no honest writer would.
    return json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _changed(value: Any, random: Random) -> Any:
    holders = list(_holders(value))
    if not holders or random.random() < 0.03:
        return _any(random, value)
    holder = random.choice(holders)
    key = random.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1:
            other = random.choice(holders)
            holder[key] = json.loads(json.dumps(other))
        case 2 if isinstance(holder, dict):
            holder[random.choice([*ODD[:20], *map(str, holder)])] = holder.pop(key)
        case 2 | 3 if isinstance(holder, list):
            holder.extend([holder[key]] * random.choice((1, 3, 1000)))
        case _:
            holder[key] = _any(random, holder[key])
    return value


def _any(random: Random, old: Any) -> Any:
    """Give another value: near to the old one, of its kind, or of any."""
    kind = random.randrange(6)
    if kind == 0 and isinstance(old, int | float) and not isinstance(old, bool):
        return random.choice((old + 1, old - 1, -old, old * 2, old // 2 if old == old else 0))
    if kind == 1:
        return random.choice(ODD)
    if kind == 2:
        return [old] * random.choice((0, 1, 2, 3, 4))
    if kind == 3:
        return {"": old, "x": [old]}
    if kind == 4:
        return str(old)
    return random.choice(SCALARS)


def _holders(value: Any) -> Iterator[Any]:
    """Walk over all lists and dicts that hold something."""
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list) and holder:
            yield holder
            waiting.extend(holder.values() if isinstance(holder, dict) else holder)


def _deep(content: bytes, random: Random) -> bytes:
    """Put so many brackets around a value that nobody can come back from them."""
    depth = random.choice(DEEP)
    opened, closed = random.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nest = opened * depth + b"0" + closed * depth
    place = content.find(b":", random.randrange(len(content)))
    if place < 0:
        return nest
    return content[: place + 1] + nest + b"," + b'"b":' + content[place + 1 :]


def _twice(content: bytes, random: Random) -> bytes:
    """Give a key a second time, with another value."""
    value = json.loads(content)
    key = random.choice(list(value))
    again = json.dumps({key: _any(random, value[key])}).encode()
    return again[:-1] + b"," + content.lstrip()[1:]
