"""``vitonnx probe NAME`` of a probe of blocks and heads: sum up what it finds in a dataset."""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._console import Table, complain, give, inform, list_skipped, results, watch
from vitonnx.cli._engines import Runtime, note_untrained, open_engines, print_plans
from vitonnx.cli._options import (
    Compare,
    Device,
    Explain,
    MaxPixels,
    Model,
    Precision,
    Quiet,
    Size,
    Threads,
    parse_size,
)
from vitonnx.cli._output import FIGURES, files_of, settle_output
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import TableProbe

if TYPE_CHECKING:
    from vitonnx.engine import Engine, Survey, Totals

__all__ = ["probe_dataset"]

NUMBERS = (".npz", ".json", ".csv")
FORMS = {"a figure": FIGURES, "numbers": NUMBERS}
SAVE_EVERY_SECONDS = 3.0


@dataclass(frozen=True, kw_only=True)
class DatasetCall:
    """What was asked on the command line, as far as it is passed on."""

    probe: TableProbe[Any]
    output: Path | None
    blocks: list[int] | None
    strict: bool
    resume: Path | None


def probe_dataset(
    probe: TableProbe[Any],
    model: Model,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pictures, folders, globs, or text files that list pictures, one a line "
            "(list.txt, or @FILE). Figures made by vitonnx are skipped in folders and globs.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write a figure (.png, .pdf, .svg) or numbers (.npz, .json, .csv). By "
            "default, MODEL.PROBE.png in the current folder, and a table on stdout.",
        ),
    ] = None,
    block: Annotated[
        list[int] | None,
        typer.Option(
            "--block",
            help="Show this block head by head (repeat for several): 0 is the first, -1 the "
            "last. By default, the first two and the last two.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Use at most this many pictures.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", help="With --limit, draw a random sample. By default, the first ones."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad picture instead of skipping it.")
    ] = False,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="FILE",
            help="Save progress to this file, and continue from it if it exists.",
        ),
    ] = None,
    compare: Compare = None,
    size: Size = None,
    max_pixels: MaxPixels = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    explain: Explain = False,
    quiet: Quiet = False,
) -> None:
    """Ask one probe; bad pictures are skipped, and listed at the end."""
    from vitonnx.engine import Engine, Totals
    from vitonnx.media import Files, check_writable, find_picture_names, read_lists

    if seed is not None and limit is None:
        raise UsageError("--seed chooses a sample: say how large with --limit.")
    call = DatasetCall(probe=probe, output=output, blocks=block, strict=strict, resume=resume)
    notice, models = partial(inform, quiet=quiet), (model, *(compare or []))
    files = _choose(find_picture_names(list(read_lists(inputs)), notice=notice), limit, seed)
    read = Files({*files, *(name.removeprefix("@") for name in inputs)})
    settle = partial(settle_output, ending=f".{probe.name}.png", forms=FORMS, inputs=read)
    if output is not None or not explain:
        settle(output, models)
    if resume is not None:
        check_writable(resume, read | files_of(models))
        if output is not None:
            _refuse_one(output, resume)
    make = partial(
        Engine,
        size=parse_size(size),
        max_pixels=max_pixels,
        notice=notice,
        **Runtime(device, threads, precision).options(),
    )
    engines = open_engines(models, make, quiet=quiet)
    for engine in engines.values():
        for number in block or ():
            engine.layout.block(number)
    if explain:
        print_plans(engines, probe)
        return
    target = settle(output, [engine.file for engine in engines.values()])
    if resume is not None:
        check_writable(resume, files_of(engine.file for engine in engines.values()))
        _refuse_one(target, resume)
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
        _deliver(call, target, totals, note)
    partly = [file for file in skipped if any(file not in found.skipped for found in surveys)]
    if partly:
        complain(
            f"{len(partly)} of the pictures are counted by some of the models and skipped by "
            "others, so that their means are of unlike pictures."
        )
    list_skipped(list(skipped.values()), len(files))


def _refuse_one(output: Path, state: Path) -> None:
    """Refuse an output that is, or will be, the state of the run by another name."""
    from vitonnx.media import same_file

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
    call: DatasetCall, engines: Sequence[Engine], files: Sequence[str], *, quiet: bool
) -> list[Survey]:
    """Go through the pictures with one model after the other, from where an earlier run was."""
    from vitonnx.engine import StateFile, Survey

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
    call: DatasetCall, engines: Sequence[Engine], files: Sequence[str], surveys: Sequence[Survey]
) -> Iterator[Survey]:
    from vitonnx.engine import survey

    for engine, found in zip(engines, surveys, strict=True):
        yield from survey(engine, files, call.probe, found, strict=call.strict)


def _deliver(call: DatasetCall, output: Path, totals: Totals, note: str) -> None:
    """Write what was asked for, and print its name; where that fails, print the numbers."""
    from vitonnx.engine import write_table

    try:
        _write(call, output, totals, note)
    except VitonnxError as error:
        write_table(sys.stdout, totals)
        raise VitonnxError(f"{error} The numbers are on stdout instead, as a .csv.") from error
    if call.output is None:
        _print_table(call.probe, totals)
    give(output)


def _write(call: DatasetCall, output: Path, totals: Totals, note: str) -> None:
    from vitonnx.engine import save_totals
    from vitonnx.plots import plot_findings, save_figure

    if output.suffix.lower() in NUMBERS:
        save_totals(output, totals)
        return
    tables = {name: call.probe.table(total) for name, total in totals.summaries.items()}
    save_figure(plot_findings(tables, note, blocks=call.blocks), output)


def _print_table(probe: TableProbe[Any], totals: Totals) -> None:
    """Print a row a block and a column a head."""
    for name, total in totals.summaries.items():
        give(f"{name}: {probe.unit}; pictures: {total.count}")
        table = Table(box=None, padding=(0, 1, 0, 0))
        table.add_column("block", justify="right")
        for head in range(total.mean.shape[1]):
            table.add_column(f"head {head}" if head == 0 else str(head), justify="right")
        places = 1 if total.mean.max() >= 10 else 3
        for block, row in enumerate(total.mean):
            table.row(str(block), *(f"{value:.{places}f}" for value in row))
        results().print(table)
