"""What a finding says beside its arrays, as plain JSON."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from vitonnx.probes import Finding

__all__ = ["camel", "words_of"]

KINDS = {"Maps": "maps", "ColourMaps": "colours", "ClassMaps": "classes"}


def words_of(finding: Finding) -> dict[str, Any]:
    """Give the fields of a finding that are no arrays, in the spelling of JavaScript.

    Examples
    --------
    >>> import numpy as np
    >>> from vitonnx.probes import Table
    >>> words_of(Table(values=np.ones((2, 3)), unit="pixels", title="Distance"))["kind"]
    'table'
    """
    kind = type(finding).__name__
    said: dict[str, Any] = {"kind": KINDS.get(kind, kind.lower())}
    for entry in fields(finding):
        value = getattr(finding, entry.name)
        if not hasattr(value, "shape"):
            said[camel(entry.name)] = list(value) if isinstance(value, tuple) else value
    return said


def camel(name: str) -> str:
    """Spell a name as JavaScript does.

    Examples
    --------
    >>> camel("from_zero")
    'fromZero'
    """
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
