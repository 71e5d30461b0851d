"""Rows of what was found, written as they come: what was measured stays, whatever ends the run."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vitonnx.engine.devices import first_line

Row = dict[str, Any]
NO_MEMORY = re.compile(r"out of memory|allocat|bad_alloc", re.IGNORECASE)


class Rows:
    """Rows, each written by `write` as a line of JSON."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.rows: list[Row] = []
        self._write, self._start, self._one_at_a_time = write, time.perf_counter(), threading.Lock()

    @classmethod
    def to(cls, file: Path) -> Rows:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")

        def write(line: str) -> None:
            with file.open("a") as stream:
                stream.write(line + "\n")

        return cls(write)

    def add(self, **row: Any) -> None:
        row = {
            key: float(f"{value:.6g}") if isinstance(value, float) else value
            for key, value in row.items()
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
            self.add(**row, failed=in_words(error))

    def of(self, section: str) -> list[Row]:
        """Give what was measured in a section; what failed isn't among it."""
        return [
            r for r in self.rows if r["section"] == section and not {"failed", "skipped"} & {*r}
        ]


def in_words(error: BaseException) -> str:
    """Say in a line what went wrong."""
    if NO_MEMORY.search(str(error)):
        return "out of memory"
    return f"{type(error).__name__}: {first_line(error)}"
