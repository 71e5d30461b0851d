"""``vitonnx probe NAME`` of a probe with totals alone: sum up what it finds in a dataset."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._cluster import as_in_worker, cluster_of
from vitonnx.cli._console import Table as Columns
from vitonnx.cli._console import complain, give, inform, list_skipped, results
from vitonnx.cli._counting import count, list_bad, refuse_one, write_part
from vitonnx.cli._dataset_options import DatasetOptions, Ray, Shard, parse_shard
from vitonnx.cli._engines import EngineOptions, note_untrained, print_plans, say_advice
from vitonnx.cli._options import Compare, Explain, Model, Quiet, Resume
from vitonnx.cli._output import FIGURES, files_of, settle_output
from vitonnx.cli._rows import Force, check_rows, is_for_rows, write_rows
from vitonnx.cli._spread import spread
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import AddingProbe, Finding, Matrix, PairProbe, SumProbe, Table

if TYPE_CHECKING:
    from vitonnx.engine import MatrixTotals, Survey, Totals
    from vitonnx.manifest import Manifest
    from vitonnx.runs import Run

__all__ = ["TotalsFound", "deliver_totals", "probe_dataset"]

NUMBERS = (".npz", ".json", ".csv")
FORMS = {"a figure": FIGURES, "numbers": NUMBERS}


@spread
def probe_dataset(
    probe: AddingProbe[Any, Any],
    model: Model,
    dataset: DatasetOptions,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Write a figure (.png, .pdf, .svg) or numbers (.npz, .json, .csv); or a row for "
            "each picture, to a folder or a .parquet file. By default, MODEL.PROBE.png in the "
            "current folder, and a table on stdout.",
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
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first bad picture instead of skipping it.")
    ] = False,
    shard: Shard = None,
    resume: Resume = None,
    force: Force = False,
    ray: Ray = None,
    compare: Compare = None,
    *,
    opened: EngineOptions,
    explain: Explain = False,
    quiet: Quiet = False,
) -> None:
    """Ask one probe; bad pictures are skipped, and listed at the end."""
    from vitonnx.media import check_writable
    from vitonnx.runs import PairRun, ProbeRows, TotalRun

    if block and isinstance(probe, SumProbe):
        probe = probe.narrowed(block)
    models, part = (model, *(compare or [])), parse_shard(shard)
    # Two models that are compared are asked together, others one after the other.
    several = len(models) > 1 and not isinstance(probe, SumProbe)
    pictures = dataset.open(quiet=quiet, parts=part[1], several_times=several)
    read = dataset.read(pictures) | files_of(models)
    in_rows = is_for_rows(output, force=force)
    settle = partial(settle_output, ending=f".{probe.name}.png", forms=FORMS, inputs=read)
    if output is not None and in_rows:
        check_rows(output, read, part, resume, models=models, holders=dataset.holders(pictures))
    elif shard is not None:
        output = output or Path(f"{probe.name}-{part[0]}-of-{part[1]}.part")
        check_writable(output, read)
    elif output is not None or not explain:
        settle(output, models)
    if resume is not None:
        check_writable(resume, read)
        if output is not None:
            refuse_one(output, resume)
    engines = as_in_worker(opened, ray).open(models, quiet=quiet)
    for engine in engines.values():
        for number in block or ():
            engine.layout.block(number)
    if explain:
        print_plans(engines, probe)
        return
    manifests = {name: engine.manifest for name, engine in engines.items()}
    note = note_untrained(manifests, quiet=quiet)
    if output is not None and in_rows:
        (engine,) = engines.values()
        say_advice(engines, dict.fromkeys(engines, probe), quiet=quiet)
        rows = ProbeRows(engine=engine, probe=probe)
        with cluster_of(ray, models, engines, quiet=quiet) as cluster:
            write_rows(
                rows,
                pictures,
                output,
                part,
                resume=resume,
                force=force,
                cluster=cluster,
                label="Measuring",
                quiet=quiet,
            )
        return
    target = output
    if target is None or shard is None:
        target = settle(output, [engine.file for engine in engines.values()])
    if resume is not None:
        check_writable(resume, files_of(engine.file for engine in engines.values()))
        refuse_one(target, resume)
    pair, mine = _pair(probe, manifests), pictures.part(*part)
    if pair is None:
        say_advice(engines, dict.fromkeys(engines, probe), quiet=quiet)
        run: Run = TotalRun(engines=engines, dataset=mine, probe=probe, strict=strict)
    else:
        if (advice := pair.advice()) is not None:
            inform(advice, quiet=quiet)
        run = PairRun(engines=engines, dataset=mine, probe=probe, pair=pair, strict=strict)
    with cluster_of(ray, models, engines, quiet=quiet) as cluster:
        surveys = count(run, resume, cluster=cluster, label="Measuring", quiet=quiet)
    if shard is not None:
        write_part(run, pictures, part, surveys, target, probe, quiet=quiet)
        list_bad(surveys)
        return
    found = TotalsFound(probe, manifests, surveys, mine.files, note, block)
    deliver_totals(found, target, shown=output is None)


@dataclass(frozen=True)
class TotalsFound:
    """What a dataset comes to, and what is said of it."""

    probe: AddingProbe[Any, Any]
    models: Mapping[str, Manifest]
    surveys: Sequence[Survey]
    files: Sequence[str]
    note: str = ""
    blocks: list[int] | None = None

    @property
    def skipped(self) -> dict[str, str]:
        """Bad pictures, each with its error."""
        return {file: why for found in self.surveys for file, why in found.skipped.items()}

    @property
    def good(self) -> list[str]:
        """What counts."""
        skipped = self.skipped
        return [file for file in self.files if file not in skipped]

    def findings(self) -> dict[str, Finding]:
        """Give what the dataset comes to, by model."""
        pair = _pair(self.probe, self.models)
        if pair is not None:
            (found,) = self.surveys
            return {" and ".join(self.models): pair.finding_of(found.summary, *self.models)}
        return {
            name: self.probe.finding_of(found.summary, layout)
            for (name, layout), found in zip(self.models.items(), self.surveys, strict=True)
        }

    def totals(self, findings: Mapping[str, Finding]) -> Totals | MatrixTotals:
        """Give the numbers that a file holds."""
        from vitonnx.engine import MatrixTotals, Totals

        if not isinstance(self.probe, SumProbe):
            of_models = zip(self.models, self.surveys, strict=True)
            summaries = {name: found.summary for name, found in of_models}
            return Totals(summaries=summaries, files=self.good, skipped=list(self.skipped))
        models = list(self.models)
        return MatrixTotals(
            name=self.probe.name,
            matrices={name: each for name, each in findings.items() if isinstance(each, Matrix)},
            models=models if len(models) > 1 else [],
            crops=self.surveys[0].crops,
            files=self.good,
            skipped=list(self.skipped),
        )


def deliver_totals(found: TotalsFound, output: Path, *, shown: bool) -> None:
    """Write what was asked for, and list bad pictures.

    Parameters
    ----------
    found : TotalsFound
    output : Path
        Where to write.
    shown : bool
        Whether to print a table, too.

    Raises
    ------
    typer.Exit
        With code 1 if there are bad pictures.
    """
    pictures = max(each.pictures for each in found.surveys)
    if any(each.summary.count for each in found.surveys):
        findings = found.findings()
        _deliver(found, findings, output, shown=shown)
    elif not pictures:
        raise UsageError("there is no picture to measure.")
    partly = [
        file for file in found.skipped if any(file not in each.skipped for each in found.surveys)
    ]
    if partly:
        complain(
            f"{len(partly)} of the pictures are counted by some of the models and skipped by "
            "others, so their means are of different pictures."
        )
    list_skipped(list(found.skipped.values()), pictures)


def _pair(probe: AddingProbe[Any, Any], models: Mapping[str, Manifest]) -> PairProbe[Any] | None:
    """Give the question to two models, where a probe compares them with each other."""
    if not isinstance(probe, SumProbe) or len(models) == 1:
        return None
    if len(models) > 2:
        raise UsageError(f"{probe.name} compares two models: give --compare once.")
    pair: PairProbe[Any] = probe.between(*models.values())
    return pair


def _deliver(
    found: TotalsFound, findings: Mapping[str, Finding], output: Path, *, shown: bool
) -> None:
    """Write what was asked for, and print its name; where that fails, print the numbers."""
    from vitonnx.engine import save_totals, write_table
    from vitonnx.plots import plot_findings, save_figure

    totals = found.totals(findings)
    try:
        if output.suffix.lower() in NUMBERS:
            save_totals(output, totals)
        else:
            save_figure(plot_findings(findings, found.note, blocks=found.blocks), output)
    except VitonnxError as error:
        write_table(sys.stdout, totals)
        raise VitonnxError(f"{error} The numbers are on stdout instead, as a .csv.") from error
    if shown:
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
    table = Columns(box=None, padding=(0, 1, 0, 0))
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
