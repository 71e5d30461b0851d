"""How many rows are in memory, and in a group of a file: no more than fill so many bytes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from vitonnx.runs import _row_file
from vitonnx.runs._row_file import write_rows
from vitonnx.runs._rows import Form, Row

SIDES = (7, 5, 3, 7, 5)


def rows(sides: tuple[int, ...], bad: tuple[int, ...] = ()) -> Iterator[Row]:
    """Give maps of so many numbers, squared."""
    for number, side in enumerate(sides):
        arrays = None if number in bad else {"map": np.full((side, side), number, np.float32)}
        yield Row(f"{number}", None, arrays, "damaged" if number in bad else None)


@pytest.mark.parametrize(
    ("shape", "sides", "bad", "groups"),
    [
        (None, SIDES, (), [2, 2, 1]),  # 49 + 25, 9 + 49, 25
        (None, SIDES, (0,), [4, 1]),  # 25 + 9 + 49, 25
        ((7, 7), (7,) * 5, (), [2, 2, 1]),
        ((7, 7), (7,) * 5, (0, 1, 2), [2, 2, 1]),  # a bad one takes as much
        (None, (1,) * 5, (), [5]),
    ],
)
def test_groups_are_as_large_as_their_arrays(
    shape: tuple[int, ...] | None,
    sides: tuple[int, ...],
    bad: tuple[int, ...],
    groups: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_row_file, "MOST_BYTES", 4 * 55)
    path = tmp_path / "rows.parquet"
    given = list(write_rows(path, rows(sides, bad), {"map": Form("float32", shape)}, {}))
    assert [row.id for row in given] == [f"{number}" for number in range(len(sides))]
    with pq.ParquetFile(path) as file:
        found = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert found == groups
    assert sum(found) == len(sides)
