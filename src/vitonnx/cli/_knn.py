"""``vitonnx evaluate knn``: how often the nearest neighbours of pictures are of their class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from vitonnx.cli._accuracy_table import print_knn
from vitonnx.cli._console import give, inform, list_skipped
from vitonnx.cli._counting import count
from vitonnx.cli._dataset_options import DatasetOptions
from vitonnx.cli._engines import EngineOptions, note_untrained
from vitonnx.cli._options import Model, Quiet, Resume
from vitonnx.cli._output import files_of
from vitonnx.cli._spread import spread
from vitonnx.cli._truth import Numbers, Truth, check_written, find_labels
from vitonnx.errors import UsageError

__all__ = ["EXAMPLE", "knn"]

EXAMPLE = "Example: vitonnx evaluate knn dino_vits16 imagenet/train imagenet/val -o knn.json"


@spread
def knn(
    model: Model,
    train: Annotated[
        str,
        typer.Argument(
            metavar="TRAIN", help="Pictures of known class, which vote: a dataset, like DATA."
        ),
    ],
    dataset: DatasetOptions,
    truth: Truth = None,
    output: Numbers = None,
    resume: Resume = None,
    *,
    opened: EngineOptions,
    quiet: Quiet = False,
) -> None:
    """Have the nearest neighbours of pictures vote for their class, as DINO is evaluated."""
    from vitonnx.evaluate import NEIGHBOURS, Bank, BankRun, VoteRun, knn_of

    # A file of labels may be about pictures by their order, which is looked up first.
    pictures = dataset.open(quiet=quiet, several_times=truth is not None)
    voting = replace(dataset, data=[train], limit=None, seed=None)
    known = voting.open(quiet=quiet)
    labels = find_labels(truth, dataset, pictures, quiet=quiet)
    read = dataset.read(pictures) | known.files
    written = [resume, *_beside(resume)]
    check_written(output, written, read | files_of([model]), truth)
    engines = opened.open([model], quiet=quiet)
    ((name, engine),) = engines.items()
    check_written(output, written, read | files_of([engine.file]), truth)
    with _bank_file(resume) as (file, state):
        bank = Bank(file)
        fill = BankRun(engines=engines, dataset=known, bank=bank)
        vote = VoteRun(engines=engines, dataset=pictures, labels=labels, train=known, bank=bank)
        note_untrained({name: engine.manifest}, quiet=quiet)
        (filled,) = count(fill, state, label="Embedding", quiet=quiet)
        if lacking := [str(each) for each in NEIGHBOURS if each > filled.summary.count]:
            inform(
                f"TRAIN has {filled.summary.count} usable pictures, so "
                f"{' and '.join(lacking)} neighbours can't vote.",
                quiet=quiet,
            )
        (found,) = count(vote, resume, label="Voting", quiet=quiet)
        if found.summary.count:
            result = knn_of(vote, filled, found)
            print_knn(result)
            if output is not None:
                result.save(output)
                give(output)
        elif not found.pictures:
            raise UsageError("there is no picture to measure.")
    reasons = [*filled.skipped.values(), *found.skipped.values()]
    list_skipped(reasons, filled.pictures + found.pictures)


def _beside(resume: Path | None) -> list[Path]:
    """Name what is kept beside the state: the bank of embeddings, and how far it is filled."""
    if resume is None:
        return []
    return [resume.with_name(f"{resume.name}.bank{suffix}") for suffix in ("", ".json")]


@contextmanager
def _bank_file(resume: Path | None) -> Iterator[tuple[Path, Path | None]]:
    """Give the file of a bank, and that of its state; without one to resume from, for this call."""
    from vitonnx.media import temporary_folder

    if resume is not None:
        bank, state = _beside(resume)
        if bank.exists() and not state.exists():
            raise UsageError(
                f"{bank} exists without {state.name}, which says what it holds: remove it, or give "
                "another file."
            )
        yield bank, state
        return
    with temporary_folder() as folder:
        yield folder / "bank", None
