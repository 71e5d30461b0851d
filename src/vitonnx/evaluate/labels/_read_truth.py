"""Read a file of labels, in any of the forms that ImageNet's validation set comes with."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from vitonnx.blame import why_unopened
from vitonnx.dataset import Label
from vitonnx.errors import UsageError
from vitonnx.evaluate.labels._devkit import read_devkit_ids
from vitonnx.evaluate.labels._truth import ListedTruth, NamedTruth, Truth
from vitonnx.regular import refuse_special

__all__ = ["read_truth"]

MOST_BYTES = 2**30  # a line for each of ten million pictures
LONGEST_SHOWN = 80  # letters of a line that can't be understood
WORDNET_ID = re.compile(r"n\d{8}")
NUMBER = re.compile(r"\d{1,9}")
NAMED = re.compile(r"(\S.*?)[ \t]+(n\d{8}|\d{1,9})")
KAGGLE = ["ImageId", "PredictionString"]
FORMS = (
    "a name and a number a line (val.txt), a WordNet id a line, Kaggle's LOC_val_solution.csv, or "
    "the devkit's ground truth with its meta.mat beside it"
)


def read_truth(file: Path) -> Truth:
    """Read what pictures show. The content tells the form of the file.

    Parameters
    ----------
    file : Path
        Caffe's ``val.txt`` (a name and a number a line; a WordNet id is taken, too), a WordNet id a
        line, Kaggle's ``LOC_val_solution.csv``, or ``ILSVRC2012_validation_ground_truth.txt`` of
        ImageNet's devkit, whose numbers only the ``meta.mat`` beside it explains.

    Raises
    ------
    UsageError
        If it can't be read, or has another form.
    MissingExtraError
        If ``meta.mat`` is needed, and SciPy isn't there to read it.
    """
    lines = _lines(file)
    first = lines[0]
    if first.split(",")[: len(KAGGLE)] == KAGGLE:
        return NamedTruth(file, _kaggle(file, lines))
    if WORDNET_ID.fullmatch(first):
        return ListedTruth(file, _each(file, lines, WORDNET_ID))
    if NUMBER.fullmatch(first):
        ids = read_devkit_ids(file)
        numbers = [int(line) for line in _each(file, lines, NUMBER)]
        for at, number in enumerate(numbers, 1):
            if number not in ids:
                raise UsageError(
                    f"{file}, line {at}: {number} is no class of the meta.mat beside it."
                )
        return ListedTruth(file, [ids[number] for number in numbers])
    if NAMED.fullmatch(first):
        return NamedTruth(file, [_named(file, at, line) for at, line in enumerate(lines, 1)])
    raise UsageError(f"{file} has no format that --truth reads: give {FORMS}.")


def _lines(file: Path) -> list[str]:
    refuse_special(file, UsageError)
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise UsageError(f"{file} has {size:,} bytes, too many for labels: check the name.")
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file of labels {file}: check the name.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not text in UTF-8: give {FORMS}.") from error
    except UsageError:
        raise
    except (OSError, ValueError) as error:
        raise UsageError(f"can't read {file} as labels: {why_unopened(error)}.") from error
    lines = [line.strip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise UsageError(f"{file} is empty: give {FORMS}.")
    return lines


def _each(file: Path, lines: Sequence[str], form: re.Pattern[str]) -> list[str]:
    """Give lines that all have one form; one that is left out would shift all others."""
    for at, line in enumerate(lines, 1):
        if not form.fullmatch(line):
            raise _odd(file, at, line)
    return list(lines)


def _named(file: Path, at: int, line: str) -> tuple[str, Label]:
    found = NAMED.fullmatch(line)
    if found is None:
        raise _odd(file, at, line)
    name, label = found[1], found[2]
    return name, int(label) if label.isdecimal() else label


def _kaggle(file: Path, lines: Sequence[str]) -> list[tuple[str, Label]]:
    """Take the class of the first box: all boxes of a picture are of one."""
    found: list[tuple[str, Label]] = []
    try:
        for at, row in enumerate(csv.reader(lines[1:]), 2):
            words = row[1].split() if len(row) > 1 else []
            if not words or not WORDNET_ID.fullmatch(words[0]):
                raise _odd(file, at, lines[at - 1])
            found.append((row[0], words[0]))
    except csv.Error as error:
        raise UsageError(f"{file} is not a readable CSV ({error}).") from error
    return found


def _odd(file: Path, at: int, line: str) -> UsageError:
    shown = line if len(line) <= LONGEST_SHOWN else f"{line[:LONGEST_SHOWN]}…"
    return UsageError(f"{file}, line {at}: {shown!r} is not like the lines before it.")
