"""From a call of ``vitonnx probe distance`` to its totals, and out with them."""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vitonnx.cli._compare import note_untrained
from vitonnx.cli._console import complain, give, inform, results, watch
from vitonnx.cli._engines import explain, open_engines
from vitonnx.cli._output import FIGURES, files_of, settle_output
from vitonnx.cli._runtime import Runtime
from vitonnx.cli._skipped import list_skipped
from vitonnx.engine import (
    Engine,
    StateFile,
    Survey,
    Totals,
    save_totals,
    survey,
    write_table,
)
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media import Files, check_writable, find_picture_names, read_lists, same_file
from vitonnx.probes import Distance

__all__ = ["DistanceCall", "run"]

NUMBERS = (".npz", ".json", ".csv")
FORMS = {"a figure": FIGURES, "numbers": NUMBERS}
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
    max_pixels: int | None
    runtime: Runtime
    explain: bool


def run(call: DistanceCall, *, quiet: bool) -> None:
    """Do it: bad pictures are skipped, and listed at the end.

    Raises
    ------
    typer.Exit
        With code 1 if a picture was skipped.
    """
    notice = partial(inform, quiet=quiet)
    found = find_picture_names(list(read_lists(call.inputs)), notice=notice)
    files = _choose(found, call.limit, call.seed)
    read = Files({*files, *(name.removeprefix("@") for name in call.inputs)})
    settle = partial(settle_output, ending=".distance.png", forms=FORMS, inputs=read)
    if call.output is not None or not call.explain:
        settle(call.output, call.models)
    if call.resume is not None:
        check_writable(call.resume, read | files_of(call.models))
        if call.output is not None:
            _refuse_one(call.output, call.resume)
    make = partial(
        Engine,
        size=call.size,
        max_pixels=call.max_pixels,
        notice=notice,
        **call.runtime.options(),
    )
    engines = open_engines(call.models, make, quiet=quiet)
    for engine in engines.values():
        for block in call.blocks or ():
            engine.layout.block(block)
    if call.explain:
        explain(engines, call.probe)
        return
    output = settle(call.output, [engine.file for engine in engines.values()])
    if call.resume is not None:
        check_writable(call.resume, files_of(engine.file for engine in engines.values()))
        _refuse_one(output, call.resume)
    manifests = {name: engine.manifest for name, engine in engines.items()}
    note = note_untrained(manifests, quiet=quiet)
    surveys = _sum_up(call, list(engines.values()), files, quiet=quiet)
    skipped = {file: reason for found in surveys for file, reason in found.skipped.items()}
    if len(skipped) < len(files):
        totals = Totals(
            summaries={name: found.summary for name, found in zip(engines, surveys, strict=True)},
            files=[file for file in files if file not in skipped],
            skipped=list(skipped),
        )
        _deliver(call, output, totals, note)
    partly = [file for file in skipped if any(file not in found.skipped for found in surveys)]
    if partly:
        complain(
            f"{len(partly)} of the pictures are counted by some of the models and skipped by "
            "others, so that their means are of unlike pictures."
        )
    list_skipped(list(skipped.values()), len(files))


def _refuse_one(output: Path, state: Path) -> None:
    """Refuse an output that is, or will be, the state of the run by another name."""
    if same_file(output, state):
        raise UsageError(
            f"{output} and {state} are one file, which can't be both the output and the state of "
            "the run: give another."
        )


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


def _sum_up(
    call: DistanceCall, engines: Sequence[Engine], files: Sequence[str], *, quiet: bool
) -> list[Survey]:
    """Go through the pictures with one model after the other, from where an earlier run was."""
    surveys = [Survey() for _ in engines]
    state = None
    if call.resume is not None:
        state = StateFile.of_run(call.resume, engines, files, call.probe)
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


def _deliver(call: DistanceCall, output: Path, totals: Totals, note: str) -> None:
    """Write what was asked for, and print its name; where that fails, print the numbers."""
    try:
        _write(call, output, totals, note)
    except VitonnxError as error:
        write_table(sys.stdout, totals)
        raise VitonnxError(f"{error} The numbers are on stdout instead, as a .csv.") from error
    if call.output is None:
        _print_table(totals)
    give(output)


def _write(call: DistanceCall, output: Path, totals: Totals, note: str) -> None:
    from vitonnx.plots import plot_distance, save_figure

    if output.suffix.lower() in NUMBERS:
        save_totals(output, totals)
        return
    details = ["attention rescaled over the patches"] if call.probe.renormalize else []
    figure = plot_distance(totals.summaries, blocks=call.blocks, details=details, note=note)
    save_figure(figure, output)


def _print_table(totals: Totals) -> None:
    """Print a row a block and a column a head."""
    from vitonnx.cli._table import Table

    for name, total in totals.summaries.items():
        give(f"{name}: mean attention distance in pixels; pictures: {total.count}")
        table = Table(box=None, padding=(0, 1, 0, 0))
        table.add_column("block", justify="right")
        for head in range(total.mean.shape[1]):
            table.add_column(f"head {head}" if head == 0 else str(head), justify="right")
        for block, row in enumerate(total.mean):
            table.row(str(block), *(f"{value:.1f}" for value in row))
        results().print(table)
