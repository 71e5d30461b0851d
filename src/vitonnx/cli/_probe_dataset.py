"""``vitonnx probe NAME`` of a probe with totals alone: sum up what it finds in a dataset."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._console import Table as Rows
from vitonnx.cli._console import complain, give, inform, list_skipped, results
from vitonnx.cli._engines import Runtime, note_untrained, open_engines, print_plans, say_advice
from vitonnx.cli._options import (
    Compare,
    Device,
    Explain,
    Limit,
    MaxPixels,
    Model,
    Precision,
    Quiet,
    Resume,
    Sample,
    Seed,
    Size,
    Threads,
    parse_size,
)
from vitonnx.cli._output import FIGURES, files_of, settle_output
from vitonnx.cli._sample import find_sample, go_through, load_surveys, refuse_one, sum_up
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import AddingProbe, Finding, Matrix, PairProbe, SumProbe, Table

if TYPE_CHECKING:
    from vitonnx.engine import Engine, MatrixTotals, Survey, Totals

__all__ = ["probe_dataset"]

NUMBERS = (".npz", ".json", ".csv")
FORMS = {"a figure": FIGURES, "numbers": NUMBERS}


@dataclass(frozen=True, kw_only=True)
class DatasetCall:
    """What was asked on the command line, as far as it is passed on."""

    probe: AddingProbe[Any, Any]
    output: Path | None
    blocks: list[int] | None
    strict: bool
    resume: Path | None


def probe_dataset(
    probe: AddingProbe[Any, Any],
    model: Model,
    inputs: Sample,
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
            help="Show this block head by head, or, of cka, compare no others (repeat for "
            "several): 0 is the first, -1 the last. By default, the first two and the last two, "
            "and of cka all.",
        ),
    ] = None,
    limit: Limit = None,
    seed: Seed = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad picture instead of skipping it.")
    ] = False,
    resume: Resume = None,
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
    from vitonnx.media import Files, check_writable

    if block and isinstance(probe, SumProbe):
        probe = probe.narrowed(block)
    call = DatasetCall(probe=probe, output=output, blocks=block, strict=strict, resume=resume)
    models = (model, *(compare or []))
    files = find_sample(inputs, limit, seed, quiet=quiet)
    read = Files({*files, *(name.removeprefix("@") for name in inputs)})
    settle = partial(settle_output, ending=f".{probe.name}.png", forms=FORMS, inputs=read)
    if output is not None or not explain:
        settle(output, models)
    if resume is not None:
        check_writable(resume, read | files_of(models))
        if output is not None:
            refuse_one(output, resume)
    runtime = Runtime(device, threads, precision)
    make = runtime.opener(parse_size(size), max_pixels, quiet=quiet)
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
        refuse_one(target, resume)
    manifests = {name: engine.manifest for name, engine in engines.items()}
    note = note_untrained(manifests, quiet=quiet)
    pair = _pair(probe, engines)
    if pair is None:
        say_advice(engines, dict.fromkeys(engines, probe), quiet=quiet)
    elif (advice := pair.advice()) is not None:
        inform(advice, quiet=quiet)
    surveys = _sum_up(call, list(engines.values()), files, pair, quiet=quiet)
    skipped = {file: reason for found in surveys for file, reason in found.skipped.items()}
    if len(skipped) < len(files):
        good = [file for file in files if file not in skipped]
        findings = _findings(call, engines, surveys, pair)
        if isinstance(probe, SumProbe):
            totals: Totals | MatrixTotals = _matrices(
                call, findings, list(engines), surveys[0], good, skipped
            )
        else:
            totals = _totals(engines, surveys, good, skipped)
        _deliver(call, target, totals, findings, note)
    partly = [file for file in skipped if any(file not in found.skipped for found in surveys)]
    if partly:
        complain(
            f"{len(partly)} of the pictures are counted by some of the models and skipped by "
            "others, so that their means are of unlike pictures."
        )
    list_skipped(list(skipped.values()), len(files))


def _pair(probe: AddingProbe[Any, Any], engines: Mapping[str, Engine]) -> PairProbe[Any] | None:
    """Give the question to two models, where a probe compares them with each other."""
    if not isinstance(probe, SumProbe) or len(engines) == 1:
        return None
    if len(engines) > 2:
        raise UsageError(f"{probe.name} compares two models: give --compare once.")
    one, other = (engine.layout for engine in engines.values())
    pair: PairProbe[Any] = probe.between(one, other)
    return pair


def _sum_up(
    call: DatasetCall,
    engines: Sequence[Engine],
    files: Sequence[str],
    pair: PairProbe[Any] | None,
    *,
    quiet: bool,
) -> list[Survey]:
    """Go through the pictures, from where an earlier run was: a pair of models at once."""
    from vitonnx.engine import StateFile, survey_pair

    state = None
    if call.resume is not None:
        state = StateFile.of_run(call.resume, engines, files, call.probe, pair)
    if pair is None:
        return sum_up(engines, files, call.probe, state, strict=call.strict, quiet=quiet)
    one, other = engines
    surveys = load_surveys(state, 1)
    steps = survey_pair((one, other), files, pair, surveys[0], strict=call.strict)
    go_through(steps, surveys, [one], files, state, label="Measuring", quiet=quiet)
    return surveys


def _findings(
    call: DatasetCall,
    engines: Mapping[str, Engine],
    surveys: Sequence[Survey],
    pair: PairProbe[Any] | None,
) -> dict[str, Finding]:
    """Give what the dataset comes to, by model."""
    if pair is not None:
        return {" and ".join(engines): pair.finding_of(surveys[0].summary, *engines)}
    return {
        name: call.probe.finding_of(found.summary, engine.layout)
        for (name, engine), found in zip(engines.items(), surveys, strict=True)
    }


def _totals(
    engines: Iterable[str], surveys: Sequence[Survey], files: list[str], skipped: Iterable[str]
) -> Totals:
    from vitonnx.engine import Totals

    summaries = {name: found.summary for name, found in zip(engines, surveys, strict=True)}
    return Totals(summaries=summaries, files=files, skipped=list(skipped))


def _matrices(
    call: DatasetCall,
    findings: Mapping[str, Finding],
    models: list[str],
    first: Survey,
    files: list[str],
    skipped: Iterable[str],
) -> MatrixTotals:
    from vitonnx.engine import MatrixTotals

    matrices = {name: each for name, each in findings.items() if isinstance(each, Matrix)}
    return MatrixTotals(
        name=call.probe.name,
        matrices=matrices,
        models=models if len(models) > 1 else [],
        crops=first.crops,
        files=files,
        skipped=list(skipped),
    )


def _deliver(
    call: DatasetCall,
    output: Path,
    totals: Totals | MatrixTotals,
    findings: Mapping[str, Finding],
    note: str,
) -> None:
    """Write what was asked for, and print its name; where that fails, print the numbers."""
    from vitonnx.engine import save_totals, write_table
    from vitonnx.plots import plot_findings, save_figure

    try:
        if output.suffix.lower() in NUMBERS:
            save_totals(output, totals)
        else:
            save_figure(plot_findings(findings, note, blocks=call.blocks), output)
    except VitonnxError as error:
        write_table(sys.stdout, totals)
        raise VitonnxError(f"{error} The numbers are on stdout instead, as a .csv.") from error
    if call.output is None:
        for name, finding in findings.items():
            _print(name, finding)
    give(output)


def _print(name: str, finding: Finding) -> None:
    """Print a row a block, and a column a head or a block."""
    if not isinstance(finding, Table | Matrix):
        return
    column = "head" if isinstance(finding, Table) else "block"
    count = [f"pictures: {finding.count}"] if isinstance(finding, Table) else []
    give("; ".join([f"{name}: {finding.unit}", *count]))
    table = Rows(box=None, padding=(0, 1, 0, 0))
    table.add_column("block", justify="right")
    rows = _labels(finding, 0)
    for number, label in enumerate(_labels(finding, 1)):
        table.add_column(f"{column} {label}" if number == 0 else label, justify="right")
    places = 1 if finding.values.max() >= 10 else 3
    for label, row in zip(rows, finding.values, strict=True):
        table.row(label, *(f"{value:.{places}f}" for value in row))
    results().print(table)


def _labels(finding: Table | Matrix, axis: int) -> Sequence[str]:
    """Name the rows or the columns."""
    if isinstance(finding, Matrix) and finding.labels:
        return finding.labels if axis == 0 else finding.other_labels
    return list(map(str, range(finding.values.shape[axis])))
