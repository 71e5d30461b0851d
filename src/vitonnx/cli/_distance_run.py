"""From a call of ``vitonnx probe distance`` to its totals, and out with them."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import typer

from vitonnx.cli._console import complain, inform, results, stage, watch
from vitonnx.cli._resolve import resolve_model
from vitonnx.engine import (
    Engine,
    StateFile,
    Survey,
    Totals,
    run_settings,
    save_totals,
    survey,
)
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import find_picture_names, read_lists
from vitonnx.probes import Distance

__all__ = ["DistanceCall", "run"]

FIGURES = (".png", ".pdf", ".svg")
NUMBERS = (".npz", ".json", ".csv")
SAVE_EVERY_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class DistanceCall:
    """What was asked on the command line."""

    probe: Distance
    models: tuple[str, ...]
    inputs: tuple[str, ...]
    output: Path | None
    blocks: tuple[int, ...] | None
    limit: int | None
    seed: int | None
    strict: bool
    resume: Path | None
    size: tuple[int, int] | None
    device: str
    threads: int | None


def run(call: DistanceCall, *, quiet: bool) -> None:
    """Do it: bad pictures are skipped, and listed at the end.

    Raises
    ------
    typer.Exit
        With code 1 if a picture was skipped.
    """
    files = _choose(find_picture_names(list(read_lists(call.inputs))), call.limit, call.seed)
    _check_output(call, files)
    engines = _open(call, quiet=quiet)
    surveys = _sum_up(call, engines, files, quiet=quiet)
    skipped = {file: reason for found in surveys for file, reason in found.skipped.items()}
    if len(skipped) < len(files):
        names = _names(engines)
        totals = Totals(
            summaries={name: found.summary for name, found in zip(names, surveys, strict=True)},
            files=[file for file in files if file not in skipped],
            skipped=list(skipped),
        )
        _deliver(call, engines, totals)
    _list_skipped(skipped, len(files))


def _choose(files: list[str], limit: int | None, seed: int | None) -> list[str]:
    """Take the first pictures, or, with a seed, a sample of them, in their order.

    Examples
    --------
    >>> _choose(["a.png", "b.png", "c.png"], 2, None)
    ['a.png', 'b.png']
    """
    if limit is None or limit >= len(files):
        return files
    if seed is None:
        return files[:limit]
    return [files[index] for index in sorted(random.Random(seed).sample(range(len(files)), limit))]


def _open(call: DistanceCall, *, quiet: bool) -> list[Engine]:
    """Open all models before the first picture, so that a wrong name costs no hours."""
    engines = []
    for model in call.models:
        file = resolve_model(model, quiet=quiet)
        with stage(f"Opening {file.name}", quiet=quiet):
            engine = Engine(file, device=call.device, threads=call.threads, size=call.size)
        for block in call.blocks or ():
            engine.layout.block(block)
        if engine.manifest.untrained:
            inform(f"{file} has random weights: its distances mean nothing.", quiet=quiet)
        engines.append(engine)
    if engines[0].device_note is not None:
        inform(engines[0].device_note, quiet=quiet)
    _names(engines)
    return engines


def _names(engines: Sequence[Engine]) -> list[str]:
    """Call models by their names, or by their files where names are the same."""
    names = [engine.manifest.name for engine in engines]
    if len(set(names)) < len(names):
        names = [str(engine.file) for engine in engines]
    if len(set(names)) < len(names):
        raise UsageError(f"{', '.join(names)}: a model is named twice; compare it with another.")
    return names


def _sum_up(
    call: DistanceCall, engines: Sequence[Engine], files: Sequence[str], *, quiet: bool
) -> list[Survey]:
    """Go through the pictures with one model after the other, from where an earlier run was."""
    surveys = [Survey() for _ in engines]
    state = None
    if call.resume is not None:
        state = StateFile(call.resume, run_settings(engines, files, call.probe))
        surveys = state.load() or surveys
        state.save(surveys)  # A file that can't be written shall fail now.
        if done := sum(found.position for found in surveys):
            inform(f"going on after {done} of {len(files) * len(engines)}.", quiet=quiet)
    saved = time.monotonic()
    batches = sum(
        math.ceil((len(files) - found.position) / engine.batch_size)
        for engine, found in zip(engines, surveys, strict=True)
    )
    steps = _steps(call, engines, files, surveys)
    for _ in watch(steps, total=batches, label="Measuring", quiet=quiet):
        if state is not None and time.monotonic() - saved >= SAVE_EVERY_SECONDS:
            state.save(surveys)
            saved = time.monotonic()
    if state is not None:
        state.save(surveys)
    return surveys


def _steps(
    call: DistanceCall, engines: Sequence[Engine], files: Sequence[str], surveys: Sequence[Survey]
) -> Iterator[Survey]:
    for engine, found in zip(engines, surveys, strict=True):
        yield from survey(engine, files, call.probe, found, strict=call.strict)


def _check_output(call: DistanceCall, files: Sequence[str]) -> None:
    """Refuse an impossible output before the work begins."""
    output = call.output
    if output is None:
        return
    if output.suffix.lower() not in FIGURES + NUMBERS:
        raise UsageError(
            f"{output} has no suffix that says what to write: use {', '.join(FIGURES)} for a "
            f"figure, or {', '.join(NUMBERS)} for numbers."
        )
    folder = output.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"The folder {folder} does not exist: make it first.")
    if output.is_dir():
        raise UsageError(f"{output} is a folder: give the file to write.")
    if call.resume is not None and output.absolute() == call.resume.absolute():
        raise UsageError(f"{output} can't be both the output and the state of the run.")
    if output.exists() and any(Path(file).exists() and output.samefile(file) for file in files):
        raise UsageError(f"{output} is one of the pictures, which would be lost: write elsewhere.")
    try:
        TemporaryFile(dir=folder).close()
    except OSError as error:
        raise VitonnxError(
            f"{output} can't be written ({error.strerror}): write to a folder where you may."
        ) from error


def _deliver(call: DistanceCall, engines: Sequence[Engine], totals: Totals) -> None:
    """Write what was asked for, and print its name."""
    from vitonnx.plots import plot_distance, save_figure

    stems = "-".join(engine.file.stem for engine in engines)
    output = call.output or Path(f"{stems}.distance.png")
    if output.suffix.lower() in NUMBERS:
        save_totals(output, totals)
    else:
        untrained = any(engine.manifest.untrained for engine in engines)
        figure = plot_distance(
            totals.summaries,
            blocks=call.blocks,
            details=["attention rescaled over the patches"] if call.probe.renormalize else [],
            note="untrained: random weights" if untrained else "",
        )
        save_figure(figure, output)
    if call.output is None:
        _print_table(totals)
    print(output)


def _print_table(totals: Totals) -> None:
    """Print a row a block and a column a head."""
    from rich.table import Table

    for name, total in totals.summaries.items():
        print(f"{name}: mean attention distance in pixels; pictures: {total.count}")
        table = Table(box=None, padding=(0, 1, 0, 0))
        table.add_column("block", justify="right")
        for head in range(total.mean.shape[1]):
            table.add_column(f"head {head}" if head == 0 else str(head), justify="right")
        for block, row in enumerate(total.mean):
            table.add_row(str(block), *(f"{value:.1f}" for value in row))
        results().print(table)


def _list_skipped(skipped: dict[str, str], pictures: int) -> None:
    """List the bad pictures at the end, where nobody overlooks them."""
    if not skipped:
        return
    for reason in skipped.values():
        complain(reason)
    others = "; the others are done" if len(skipped) < pictures else ""
    complain(f"{len(skipped)} of {pictures} pictures skipped{others}.")
    raise typer.Exit(1)
