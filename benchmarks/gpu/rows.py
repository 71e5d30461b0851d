"""Rows of what was found, written as they come: what was measured stays, whatever ends the run."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.tables import table
from vitonnx.engine.devices import first_line

Row = dict[str, Any]
NO_MEMORY = re.compile(r"out of memory|allocat|bad_alloc", re.IGNORECASE)


class Rows:
    """Rows, each of which is written by `write` as a line of JSON."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.rows: list[Row] = []
        self._write, self._start, self._one_at_a_time = write, time.perf_counter(), threading.Lock()
        self._about: Row = {}

    @classmethod
    def to(cls, file: Path) -> Rows:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        return cls(partial(_append, file))

    def about(self, **row: Any) -> Rows:
        """Give the same rows, to which all that is added has this, too."""
        other = copy(self)
        other._about = {**self._about, **row}
        return other

    def add(self, **row: Any) -> None:
        row = {
            key: float(f"{value:.6g}") if isinstance(value, float) else value
            for key, value in {**self._about, **row}.items()
        }
        with self._one_at_a_time:
            row.setdefault("after", round(time.perf_counter() - self._start, 1))
            self.rows.append(row)
            self._write(json.dumps(row))

    def say(self, words: str) -> None:
        print(f"[{time.perf_counter() - self._start:5.1f}] {words}", flush=True)

    @contextlib.contextmanager
    def tried(self, **row: Any) -> Iterator[None]:
        """Go on, whatever fails: it is a row."""
        try:
            yield
        except Exception as error:  # whatever it is
            said = f"{type(error).__name__}: {first_line(error)}"
            self.add(**row, failed="out of memory" if NO_MEMORY.search(str(error)) else said)

    def of(self, section: str) -> list[Row]:
        """Give what was measured in a section; what failed isn't among it."""
        return [
            r for r in self.rows if r["section"] == section and not {"failed", "skipped"} & {*r}
        ]


def _append(file: Path, line: str) -> None:
    with file.open("a") as stream:
        stream.write(line + "\n")


def shown(title: str, rows: Sequence[Row], columns: str) -> list[str]:
    """Give a table; no rows, no table.

    Its columns are as in "model: {model} | ms: {milliseconds:.1f}", where a row may lack a value.
    """
    forms = dict(column.split(": ", 1) for column in columns.split(" | "))
    cells = [[_cell(form, row) for form in forms.values()] for row in rows]
    return table(title, tuple(forms), cells) if cells else []


def _cell(form: str, row: Row) -> str:
    try:
        return form.format(**row)
    except KeyError:
        return "-"
