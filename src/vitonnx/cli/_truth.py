"""Options of commands that know what pictures show: where it says so, and where numbers go."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._counting import refuse_one
from vitonnx.cli._dataset_options import DatasetOptions
from vitonnx.cli._output import check_output

if TYPE_CHECKING:
    from vitonnx.dataset import Dataset
    from vitonnx.evaluate import Labels, Published
    from vitonnx.media import Files

__all__ = ["Numbers", "Truth", "check_written", "find_labels", "publication"]

Truth = Annotated[
    Path | None,
    typer.Option(
        "--truth",
        metavar="FILE",
        help="Labels of DATA: a name and a number a line (ImageNet's val.txt), a WordNet id a "
        "line, Kaggle's LOC_val_solution.csv, or the devkit's ground truth with its meta.mat "
        "beside it. By default, those of the dataset: class folders, .cls in tars, --label.",
    ),
]
Numbers = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write all numbers to this .json, too. By default, there is a table on stdout.",
    ),
]
NUMBERS = {"all numbers": (".json",)}


def find_labels(
    truth: Path | None, options: DatasetOptions, pictures: Dataset, *, quiet: bool
) -> Labels:
    """Read the labels, or leave them to the dataset."""
    from vitonnx.evaluate import Labels

    everything = replace(options, limit=None, seed=None)
    return Labels.in_file(truth, pictures, lambda: everything.open(quiet=quiet))


def check_written(
    numbers: Path | None, others: Sequence[Path | None], read: Files, truth: Path | None
) -> None:
    """Refuse files that can't be written, are inputs, or are one, before the work begins.

    Parameters
    ----------
    numbers : Path, optional
        A ``.json``.
    others : sequence of Path or None
        Files of any suffix.
    read : Files
        Files that must not be overwritten.
    truth : Path, optional
        Another such file.
    """
    from vitonnx.media import check_writable

    read = read if truth is None else read | [truth]
    if numbers is not None:
        check_output(numbers, NUMBERS, read)
    written = [path for path in others if path is not None]
    for path in written:
        check_writable(path, read)
    for one, other in itertools.combinations([*filter(None, [numbers]), *written], 2):
        refuse_one(one, other, "two files of this call")


def publication(published: Published | None) -> list[str]:
    """Say what was published, in a line, if anything was."""
    if published is None:
        return []
    how = "by the same recipe" if published.note is None else published.note
    return [f"published on ImageNet-1k: {published.value:.2%}, {how}"]
