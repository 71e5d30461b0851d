"""Go through the pictures of a dataset: from where an earlier run was, and as a part of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitonnx.cli._console import give, inform, list_skipped, watch
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.dataset import Dataset
    from vitonnx.engine import StateFile, Survey
    from vitonnx.ray import Cluster
    from vitonnx.runs import Run

__all__ = ["count", "list_bad", "refuse_one", "write_part"]

SAVE_EVERY_SECONDS = 3.0
OF_RESULTS = (".npz", ".csv", ".png", ".pdf", ".svg", ".parquet")
SAVING_SHARE = 0.05  # of the time that may go into saving, where sums are large


def refuse_one(
    output: Path, other: Path, both: str = "the output and the state of the run"
) -> None:
    """Refuse an output that is, or will be, another file of the call by another name."""
    from vitonnx.media import same_file

    if same_file(output, other):
        raise UsageError(
            f"{output} and {other} are one file, which can't be both {both}: give another."
        )


def count(
    run: Run,
    resume: Path | None,
    *,
    cluster: Cluster | None = None,
    label: str,
    quiet: bool,
) -> list[Survey]:
    """Go through the pictures, from where an earlier run was, and give what they come to.

    Parameters
    ----------
    run : Run
        What is counted.
    resume : Path, optional
        Where the state of the run is kept.
    cluster : Cluster, optional
        Whose workers count the shards; otherwise this process does.
    label, quiet
        Of the progress bar.
    """
    state = None if resume is None else run.state(resume)
    surveys = (None if state is None else state.load()) or run.begin()
    if state is not None:
        state.save(surveys)  # A file that can't be written shall fail now.
    _go_through(run, surveys, state, cluster, label=label, quiet=quiet)
    return surveys


def _go_through(
    run: Run,
    surveys: Sequence[Survey],
    state: StateFile | None,
    cluster: Cluster | None,
    *,
    label: str,
    quiet: bool,
) -> None:
    """Take the steps of a run, and save how far they are now and then."""
    pictures = run.dataset.count
    if done := sum(found.pictures for found in surveys):
        of = "" if pictures is None else f" of {pictures * len(surveys)}"
        inform(f"going on after {done}{of}.", quiet=quiet)
    steps = run.go(surveys) if cluster is None else cluster.count(run, surveys)
    saved, took = time.monotonic(), 0.0
    total = _shards_left(run, surveys) if cluster else _batches_left(run, surveys)
    for _ in watch(steps, total=total, label=label, quiet=quiet):
        since = time.monotonic() - saved
        if state is not None and since >= max(SAVE_EVERY_SECONDS, took / SAVING_SHARE):
            begun = time.monotonic()
            state.save(surveys)
            saved = time.monotonic()
            took = saved - begun
    if state is not None:
        state.save(surveys)


def _batches_left(run: Run, surveys: Sequence[Survey]) -> int | None:
    pictures = run.dataset.count
    if pictures is None:
        return None
    return sum(
        math.ceil(max(0, pictures - found.pictures) / each.batch_size)
        for each, found in zip(run.passes(), surveys, strict=True)
    )


def _shards_left(run: Run, surveys: Sequence[Survey]) -> int:
    return sum(len(run.dataset.shards) - found.shard for found in surveys)


def write_part(
    run: Run,
    whole: Dataset,
    part: tuple[int, int],
    surveys: Sequence[Survey],
    output: Path,
    probe: Any,
    *,
    quiet: bool,
) -> None:
    """Write what one of several processes counted, and print the file's name.

    Parameters
    ----------
    run : Run
        Of the part.
    whole : Dataset
        All pictures.
    part : (int, int)
        Which part, and of how many.
    surveys : sequence of Survey
        What it came to.
    output : Path
        The file.
    probe : Probe
        What was asked.
    quiet : bool
        Whether to suppress notes.
    """
    from vitonnx.runs import Part, options_of_probe

    number, parts = part
    Part(
        question=probe.name,
        options=options_of_probe(probe),
        models={name: engine.manifest for name, engine in run.engines.items()},
        number=number,
        parts=parts,
        settings=replace(run, dataset=whole).settings(),
        files=run.dataset.files,
        surveys=surveys,
    ).save(output)
    give(output)
    if output.suffix.lower() in OF_RESULTS:
        inform(
            f"{output} is a part of a run, whatever its name: `vitonnx merge` makes a result of "
            "all parts.",
            quiet=quiet,
        )


def list_bad(surveys: Sequence[Survey]) -> None:
    """List why pictures were skipped, if any were.

    Raises
    ------
    typer.Exit
        With code 1 if there are any.
    """
    skipped = {file: why for found in surveys for file, why in found.skipped.items()}
    list_skipped(list(skipped.values()), max(each.pictures for each in surveys))
