"""Write a row for each picture: into a folder, a file a shard, or into one file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitonnx.cli._console import complain, give, inform, watch
from vitonnx.cli._counting import refuse_one
from vitonnx.errors import UsageError, VitonnxError

if TYPE_CHECKING:
    from vitonnx.dataset import Dataset
    from vitonnx.media import Files
    from vitonnx.ray import Cluster
    from vitonnx.runs import RowRun, Rows

__all__ = ["Force", "check_rows", "is_for_rows", "write_rows"]

TABLE = ".parquet"
MOST_LISTED = 20  # bad pictures, of which all are in the rows

Force = Annotated[
    bool, typer.Option("--force", help="Start over in a folder that holds another run's rows.")
]


def is_for_rows(output: Path | None, *, force: bool = False) -> bool:
    """Tell whether rows are to be written: to a folder, or to one parquet file.

    Raises
    ------
    UsageError
        If there are none, and yet a folder of them is to be started over.
    """
    is_table = output is not None and output.suffix.lower() == TABLE
    if force and (output is None or not _is_folder(output)):
        raise UsageError("--force starts over in a folder of rows: give one with -o DIR.")
    return output is not None and (is_table or _is_folder(output))


def _is_folder(output: Path) -> bool:
    # A name such as .png was meant to be a suffix.
    return output.is_dir() or not (output.suffix or output.name.startswith("."))


def check_rows(
    output: Path,
    inputs: Files,
    part: tuple[int, int],
    resume: Path | None,
    *,
    models: Sequence[str],
    holders: Sequence[Path],
) -> None:
    """Refuse what can't be written, before the work begins.

    Raises
    ------
    UsageError, VitonnxError
    """
    from vitonnx.extras import require_data
    from vitonnx.media import check_place, check_writable

    require_data("rows in parquet need")
    if len(models) > 1:
        raise UsageError(
            "rows are of one model: leave --compare out, and run each model on its own."
        )
    if _is_folder(output):
        if resume is not None:
            raise UsageError(
                "a folder of rows holds its own state, and the same command goes on from there: "
                "leave --resume out."
            )
        check_place(output)
        _refuse_inside(output, holders)
        return
    check_writable(output, inputs)
    if part[1] > 1:
        raise UsageError(
            f"the parts of a run write shards into one folder: give a folder instead of {output}."
        )
    if resume is not None:
        check_writable(resume, inputs)
        refuse_one(output, resume)


def _refuse_inside(output: Path, holders: Sequence[Path]) -> None:
    """Refuse a folder inside one of parquet files or tars, which would then hold more of them."""
    place = output.resolve()
    for folder in holders:
        if place.is_relative_to(folder.resolve()):
            raise UsageError(
                f"{output} is inside {folder}, and the next run would take the rows for a part of "
                "that: give a folder elsewhere."
            )


def write_rows(
    question: Rows,
    dataset: Dataset,
    output: Path,
    part: tuple[int, int] = (0, 1),
    *,
    resume: Path | None = None,
    force: bool = False,
    cluster: Cluster | None = None,
    label: str,
    quiet: bool,
) -> None:
    """Write the rows of a dataset, and print the name of what was written.

    Parameters
    ----------
    question : Rows
        What is asked of each picture.
    dataset : Dataset
        All pictures.
    output : Path
        A folder, or one file.
    part : (int, int)
        Which part is this process's, and of how many.
    resume : Path, optional
        For one file: where the state is; shards that are done are kept in a folder beside it.
    force : bool
        Whether a folder of another run is begun anew.
    cluster : Cluster, optional
        Whose workers write the shards; otherwise this process does.
    label, quiet
        Of the progress bar.

    Raises
    ------
    typer.Exit
        With code 1 if there are bad pictures.
    """
    from vitonnx.media import passing_folder
    from vitonnx.runs import RowRun, join_rows

    with ExitStack() as stack:
        if _is_folder(output):
            folder = output
        elif resume is not None:
            folder = resume.with_name(f"{resume.name}.shards")
        else:
            folder = stack.enter_context(passing_folder(output.absolute().parent))
        run = RowRun(question=question, dataset=dataset, folder=folder, state=resume)
        run.begin(force=force)
        try:
            _go_through(run, part, cluster, label=label, quiet=quiet)
        except VitonnxError:
            run.forget()
            raise
        if folder != output:
            join_rows(run.files, output)
        pictures, errors = run.errors(*part)
    give(output)
    _complain(pictures, errors)


def _go_through(
    run: RowRun, part: tuple[int, int], cluster: Cluster | None, *, label: str, quiet: bool
) -> None:
    left = run.left(*part)
    start, stop = run.dataset.span(*part)
    if stop > start and not left:
        inform("all shards are done already.", quiet=quiet)
    elif done := stop - start - len(left):
        inform(f"going on after {done} of {stop - start} shards.", quiet=quiet)
    if cluster is not None:
        for _ in watch(cluster.write(run, left), total=len(left), label=label, quiet=quiet):
            pass
        return
    counts = [run.dataset.shards[shard].count for shard in left]
    known = [each for each in counts if each is not None]
    rows = (row for shard in left for row in run.write(shard))
    total = sum(known) if len(known) == len(counts) else None
    for _ in watch(rows, total=total, label=label, quiet=quiet):
        pass


def _complain(pictures: int, errors: list[str]) -> None:
    """List what is wrong with bad pictures, of which each has a row."""
    if not errors:
        return
    for reason in errors[:MOST_LISTED]:
        complain(reason)
    if len(errors) > MOST_LISTED:
        complain(f"and {len(errors) - MOST_LISTED} more, each in its row's error.")
    complain(f"{len(errors)} of {pictures} pictures can't be used; the others are done.")
    raise typer.Exit(1)
