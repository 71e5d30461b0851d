"""Findings and arrays as JSON, by their shapes and whatever probe they are of."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from vitonnx.probes import ClassMaps, ColourMaps, Finding, Histogram, Maps, Matrix, Plate, Table

__all__ = ["answer_json"]

KINDS: dict[type, str] = {
    Maps: "maps",
    ColourMaps: "colours",
    ClassMaps: "classes",
    Table: "table",
    Histogram: "histogram",
    Plate: "plate",
    Matrix: "matrix",
}
# What JavaScript has typed arrays for; others are sent as the next wider.
SENT = {"f2": "f4", "f4": "f4", "f8": "f8", "u1": "u1", "b1": "b1"}


def answer_json(finding: Finding, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Give an answer as the page takes it: names in camel case, arrays in base64."""
    said = {_camel(each.name): _plain(getattr(finding, each.name)) for each in fields(finding)}
    return {
        "finding": {"kind": KINDS[type(finding)], **said},
        "arrays": {name: _plain(np.asarray(array)) for name, array in arrays.items()},
    }


def _plain(value: Any) -> Any:
    if not hasattr(value, "dtype"):
        return list(value) if isinstance(value, tuple) else value
    array = np.asarray(value)
    array = np.asarray(array, "<" + SENT.get(array.dtype.str[1:], "i8"), order="C")
    data = base64.b64encode(array.tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _camel(name: str) -> str:
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)
