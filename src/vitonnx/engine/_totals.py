"""Totals of datasets as numbers in a file: ``.npz``, ``.json`` or ``.csv``."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.filenames import shown
from vitonnx.media import atomic_path
from vitonnx.probes import Summary

__all__ = ["Totals", "save_totals", "write_table"]

MOMENTS = ("mean", "std")
# What begins a formula in one spreadsheet or another, as OWASP lists it; the wide ones in Japanese.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


@dataclass(frozen=True, eq=False, kw_only=True)
class Totals:
    """Totals of a probe of blocks and heads over a dataset, in one model or several.

    Parameters
    ----------
    summaries : mapping of str to Summary
        Totals by the models' names; their arrays are (blocks, heads).
    files, skipped : sequence of str
        The pictures that count, and those that could not be used.
    """

    summaries: Mapping[str, Summary]
    files: Sequence[str]
    skipped: Sequence[str]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all as arrays that need no pickle.

        Returns
        -------
        dict of str to array
            ``mean`` and ``std`` float64 (blocks, heads), ``count``, ``files`` and ``skipped``. Of
            several models, ``mean``, ``std`` and ``count`` have the models on an axis in front,
            named by ``models``; heads and blocks that a model lacks are NaN.
        """
        totals = list(self.summaries.values())
        values: dict[str, NDArray[Any]] = {
            name: _stack([getattr(total, name) for total in totals]) for name in MOMENTS
        }
        values["count"] = np.array([total.count for total in totals])
        if len(totals) == 1:
            values = {name: array[0] for name, array in values.items()}
        else:
            values["models"] = np.array(_shown(self.summaries), np.str_)
        for name in ("files", "skipped"):
            values[name] = np.array(_shown(getattr(self, name)), np.str_)
        return values

    def numbers(self) -> dict[str, Any]:
        """Return all as JSON numbers, lists and strings; what isn't a number becomes null."""
        rows = [
            {"count": total.count, **{name: _plain(getattr(total, name)) for name in MOMENTS}}
            for total in self.summaries.values()
        ]
        values: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
        if len(rows) == 1:
            values = rows[0]
        else:
            values["models"] = _shown(self.summaries)
        return values | {"files": _shown(self.files), "skipped": _shown(self.skipped)}


def save_totals(path: str | Path, totals: Totals) -> None:
    """Write totals, whole or not at all.

    Parameters
    ----------
    path : path
        Path whose suffix gives the format: ``.npz`` and ``.json`` hold all of `Totals`, ``.csv``
        has one row per head.
    totals : Totals
        Totals to write.

    Raises
    ------
    UsageError
        If the suffix is another.
    VitonnxError
        If the file can't be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".npz", ".json", ".csv"):
        raise UsageError(f"can't write numbers to {path}: its suffix must be .npz, .json or .csv.")
    with atomic_path(path) as passing:
        if suffix == ".npz":
            np.savez_compressed(passing, allow_pickle=False, **totals.arrays())
        elif suffix == ".json":
            passing.write_text(json.dumps(totals.numbers(), allow_nan=False) + "\n")
        else:
            with passing.open("w", newline="", encoding="utf-8") as file:
                write_table(file, totals)


def write_table(stream: TextIO, totals: Totals) -> None:
    """Write totals as CSV, a row for every head."""
    csv.writer(stream).writerows(_table(totals))


def _shown(names: Iterable[str]) -> list[str]:
    """Escape control characters in names."""
    return [shown(name) for name in names]


def _table(totals: Totals) -> list[tuple[Any, ...]]:
    header = ("model", "block", "head", "mean", "std", "count")
    return [header] + [
        (
            _cell(model),
            block,
            head,
            float(total.mean[block, head]),
            float(total.std[block, head]),
            total.count,
        )
        for model, total in totals.summaries.items()
        for block, head in np.ndindex(total.mean.shape)
    ]


def _cell(text: str) -> str:
    """Keep a spreadsheet from reading text as a formula, in the usual way.

    Examples
    --------
    >>> _cell("=HYPERLINK(A1)"), _cell("vit-small")
    ("'=HYPERLINK(A1)", 'vit-small')
    """
    escaped = shown(text)
    return f"'{escaped}" if text.startswith(FORMULA) else escaped


def _stack(arrays: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Stack matrices of unlike shapes; what one lacks is NaN."""
    blocks, heads = (max(array.shape[axis] for array in arrays) for axis in (0, 1))
    stacked = np.full((len(arrays), blocks, heads), np.nan)
    for place, array in zip(stacked, arrays, strict=True):
        place[: array.shape[0], : array.shape[1]] = array
    return stacked


def _plain(matrix: NDArray[np.float64]) -> list[list[float | None]]:
    return [[value if math.isfinite(value) else None for value in row] for row in matrix.tolist()]
