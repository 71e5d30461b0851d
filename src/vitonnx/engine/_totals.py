"""Totals of datasets as numbers in a file: ``.npz``, ``.json`` or ``.csv``."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.filenames import shown
from vitonnx.media import atomic_path
from vitonnx.probes import Crop, Matrix, Summary

__all__ = ["MatrixTotals", "Totals", "save_totals", "write_table"]

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

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield all as rows of a table, headings first: one for every head."""
        yield ("model", "block", "head", *MOMENTS, "count")
        for model, total in self.summaries.items():
            for place in np.ndindex(total.mean.shape):
                moments = (float(getattr(total, name)[place]) for name in MOMENTS)
                yield (_cell(model), *place, *moments, total.count)


@dataclass(frozen=True, eq=False, kw_only=True)
class MatrixTotals:
    """What a dataset comes to where that is a matrix, of one model or several.

    Parameters
    ----------
    name : str
        The probe's.
    matrices : mapping of str to Matrix
        By the models' names.
    models : sequence of str
        These, or the two models that one matrix compares; none for a single one.
    crops : sequence of (left, top, right, bottom)
        What the first model saw of the pictures that count.
    files, skipped : sequence of str
        These, and those that could not be used.
    """

    name: str
    matrices: Mapping[str, Matrix]
    models: Sequence[str]
    crops: Sequence[Crop]
    files: Sequence[str]
    skipped: Sequence[str]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all as arrays that need no pickle.

        Returns
        -------
        dict of str to array
            The matrix, float64, by the probe's name; ``blocks``, and, if columns are others,
            ``other_blocks``; ``crop`` float64 (pictures, 4), ``files`` and
            ``skipped``, and ``models``. Of several matrices each model's is on an axis in front;
            what a smaller one lacks is NaN.
        """
        found = [np.asarray(each.values, np.float64) for each in self.matrices.values()]
        values = {self.name: found[0] if len(found) == 1 else _stack(found)}
        if self.models:
            values["models"] = np.array(_shown(self.models), np.str_)
        if len(self.matrices) == 1:
            (matrix,) = self.matrices.values()
            values["blocks"] = np.array(matrix.labels, np.int64)
            if matrix.other_labels != matrix.labels:
                values["other_blocks"] = np.array(matrix.other_labels, np.int64)
        values["crop"] = np.asarray(self.crops, np.float64).reshape(-1, 4)
        for name in ("files", "skipped"):
            values[name] = np.array(_shown(getattr(self, name)), np.str_)
        return values

    def numbers(self) -> dict[str, Any]:
        """Return all as JSON numbers, lists and strings; what isn't a number becomes null."""
        found = [_plain(np.asarray(each.values)) for each in self.matrices.values()]
        values: dict[str, Any] = {self.name: found[0] if len(found) == 1 else found}
        if self.models:
            values["models"] = _shown(self.models)
        return values | {"files": _shown(self.files), "skipped": _shown(self.skipped)}

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield all as rows of a table, headings first: one for every pair."""
        (first, *_) = self.matrices.values()
        item = first.item.partition(" ")[0]
        yield ("model", item, f"other {item}", self.name)
        for model, matrix in self.matrices.items():
            for row, column in np.ndindex(matrix.values.shape):
                names = matrix.labels[row], matrix.other_labels[column]
                yield (_cell(model), *names, float(matrix.values[row, column]))


def save_totals(path: str | Path, totals: Totals | MatrixTotals) -> None:
    """Write totals, whole or not at all.

    Parameters
    ----------
    path : path
        Path whose suffix gives the format: ``.npz`` and ``.json`` hold all of them, ``.csv`` has
        one row per head, or per entry of a matrix.
    totals : Totals or MatrixTotals
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


def write_table(stream: TextIO, totals: Totals | MatrixTotals) -> None:
    """Write totals as CSV."""
    csv.writer(stream).writerows(totals.rows())


def _shown(names: Iterable[str]) -> list[str]:
    """Escape control characters in names."""
    return [shown(name) for name in names]


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
