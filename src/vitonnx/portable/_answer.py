"""An answer as plain JSON: what was found, and the arrays of its ``.npz``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from vitonnx.portable._words import camel, words_of
from vitonnx.probes import Finding

__all__ = ["answer_of"]

# What JavaScript has typed arrays for; others are sent as the next wider.
SENT = {"f2": "f4", "f4": "f4", "f8": "f8", "u1": "u1", "b1": "b1"}


def answer_of(finding: Finding, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Write a finding, and the result's own arrays, for a page.

    Arrays are ``{dtype, shape, data}``, little endian, in base64.

    Examples
    --------
    >>> from vitonnx.probes import Table
    >>> said = answer_of(Table(values=np.ones((1, 2)), unit="pixels", title="Distance"), {})
    >>> said["finding"]["values"]["dtype"], said["finding"]["values"]["shape"]
    ('float64', [1, 2])
    """
    own = {
        camel(entry.name): packed(value)
        for entry in fields(finding)
        if hasattr(value := getattr(finding, entry.name), "shape")
    }
    return {
        "finding": {**words_of(finding), **own},
        "arrays": {name: packed(array) for name, array in arrays.items()},
    }


def packed(array: Any) -> dict[str, Any]:
    """Write an array."""
    numbers = np.asarray(array)
    numbers = np.asarray(numbers, "<" + SENT.get(numbers.dtype.str[1:], "i8"), order="C")
    return {
        "dtype": numbers.dtype.name,
        "shape": list(numbers.shape),
        "data": base64.b64encode(numbers.tobytes()).decode(),
    }
