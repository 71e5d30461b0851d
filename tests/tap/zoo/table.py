"""Tap the whole zoo, and write what came of it as Markdown: `python -m tap.zoo.table FILE.md`."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tap.zoo.attention import WAYS
from tap.zoo.measure import outcome
from tap.zoo.write import Cell, cells

PACKAGES = (
    "vitonnx",
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxslim",
)
HEAD = """\
# What tap was tried on

Vision Transformers with random weights, exported live, tapped, and run on two pictures. A tick
means: grid, prefix tokens and heads are right; every block's attention is within 1e-5 of the
framework's own; its tokens, the logits and the embedding are within 2e-5 of their largest
magnitude. In half precision the limit is 1e-2; int8 files are compared with themselves. A number
refers to the notes. Measured on {date} with
{versions}.

In the source, `PYTHONPATH=tests python -m tap.zoo.table FILE.md` repeats it.
"""
DONE = "✓"

Key = Callable[[Cell], str]
# Title, which cells, and what stands at the left and on top.
SECTIONS: tuple[tuple[str, Callable[[Cell], bool], Key, Key], ...] = (
    (
        "By family and exporter",
        lambda cell: not cell.derivation and cell.attention not in _written(cell),
        lambda cell: f"{cell.framework} {cell.family}, {cell.attention}",
        lambda cell: cell.exporter,
    ),
    (
        "By the way attention is written",
        lambda cell: not cell.derivation and cell.attention in _written(cell),
        lambda cell: f"{cell.family}, {cell.attention}",
        lambda cell: cell.exporter,
    ),
    (
        "By what became of the file",
        lambda cell: bool(cell.derivation),
        lambda cell: f"{cell.framework} {cell.family}, {cell.attention}, {cell.exporter}",
        lambda cell: cell.derivation,
    ),
)


def _written(cell: Cell) -> Iterable[str]:
    """Give the ways of writing attention that are ours; torchvision's has the name of one."""
    return WAYS if cell.framework == "huggingface" else ()


def page(outcomes: dict[Cell, str]) -> str:
    notes: list[str] = []
    lines = [HEAD.format(date=dt.date.today().isoformat(), versions=", ".join(_versions()))]
    for title, belongs, row, column in SECTIONS:
        found = {cell: words for cell, words in outcomes.items() if belongs(cell)}
        lines += [f"## {title}", "", *table(found, row, column, notes), ""]
    lines += ["## Notes", ""]
    lines += [f"{number}. {words}" for number, words in enumerate(notes, 1)]
    return "\n".join(lines) + "\n"


def table(outcomes: dict[Cell, str], row: Key, column: Key, notes: list[str]) -> list[str]:
    """Give the lines of a table; what is no tick goes into the notes."""
    columns = list(dict.fromkeys(map(column, outcomes)))
    rows: dict[str, dict[str, str]] = {}
    for cell, words in outcomes.items():
        if words and words not in notes:
            notes.append(words)
        mark = str(notes.index(words) + 1) if words else DONE
        rows.setdefault(row(cell), {})[column(cell)] = mark
    return [
        f"| | {' | '.join(columns)} |",
        "|---" * (len(columns) + 1) + "|",
        *(
            f"| {name} | {' | '.join(marks.get(each, '') for each in columns)} |"
            for name, marks in rows.items()
        ),
    ]


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tap.zoo.table", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--zoo", type=Path, help="a folder that `python -m tap.zoo.write` wrote")
    asked = parser.parse_args()
    outcomes = {}
    with tempfile.TemporaryDirectory() as passing:
        for cell in cells():
            outcomes[cell] = outcome(cell, asked.zoo or Path(passing))
            sys.stderr.write(f"{cell} {outcomes[cell] or DONE}\n")
    asked.file.write_text(page(outcomes))
    ticks = sum(not words for words in outcomes.values())
    sys.stderr.write(f"{ticks} of {len(outcomes)} files; {asked.file} has notes on the others\n")


if __name__ == "__main__":
    main()
