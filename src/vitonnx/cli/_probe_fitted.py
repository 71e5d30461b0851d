"""``vitonnx probe NAME`` of a probe that must see all pictures before it can show one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._cluster import as_in_worker, cluster_of
from vitonnx.cli._console import give, inform
from vitonnx.cli._counting import count, list_bad, refuse_one, write_part
from vitonnx.cli._dataset_options import DatasetOptions, Ray, Shard, parse_shard
from vitonnx.cli._engines import EngineOptions, note_untrained, print_plans, say_advice
from vitonnx.cli._options import Compare, Explain, Model, Quiet, Resume
from vitonnx.cli._output import FIGURE_OR_ARRAYS, FIGURES, check_output, files_of
from vitonnx.cli._probe_pictures import RowsToo, check_sheet, settle_figures, show_pictures
from vitonnx.cli._rows import Force, check_rows, is_for_rows, write_rows
from vitonnx.cli._spread import spread
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import AddingProbe, Histogram

if TYPE_CHECKING:
    from vitonnx.cli._probe_dataset import TotalsFound
    from vitonnx.dataset import Dataset
    from vitonnx.engine import Engine, Survey
    from vitonnx.ray import Cluster

__all__ = ["deliver_fit", "fit_all", "probe_fitted"]


@spread
def probe_fitted(
    probe: Any,
    model: Model,
    dataset: DatasetOptions,
    output: RowsToo = None,
    histogram: Annotated[
        Path | None,
        typer.Option(
            "--histogram",
            metavar="FILE",
            help="Also write the histogram of all pictures: a figure (.png, .pdf, .svg) or raw "
            "arrays (.npz).",
        ),
    ] = None,
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
    """Fit one probe on all pictures, then show it in each; bad ones are listed at the end."""
    from vitonnx.media import check_writable
    from vitonnx.runs import FitRun, ProbeRows

    models, part = (model, *(compare or [])), parse_shard(shard)
    in_rows = is_for_rows(output, force=force)
    # Without a folder of rows, a part is one of what the probe is fitted by.
    fits_part = shard is not None and not in_rows
    # Each model asks all pictures; and once it has, the probe is shown in each.
    several = len(models) > 1 or not fits_part
    pictures = dataset.open(quiet=quiet, parts=part[1], several_times=several)
    read = dataset.read(pictures) | files_of(models)
    if probe.fit_source is not None:
        read |= [probe.fit_source]
    targets = []
    if histogram is not None:
        check_output(histogram, FIGURE_OR_ARRAYS, read)
        if output is not None:
            refuse_one(output, histogram, "the output and the histogram")
    if output is not None and in_rows:
        check_rows(output, read, part, None, models=models, holders=dataset.holders(pictures))
    elif fits_part:
        output = output or Path(f"{probe.name}-{part[0]}-of-{part[1]}.part")
        check_writable(output, read)
    elif output is not None:
        check_output(output, FIGURE_OR_ARRAYS, read)
        check_sheet(output, pictures, probe)
    elif not explain:
        targets = settle_figures(pictures, probe, models)
    if resume is not None:
        check_writable(resume, read)
        for each in filter(None, (output, histogram)):
            refuse_one(each, resume)
    engines = as_in_worker(opened, ray).open(models, quiet=quiet)
    if explain:
        print_plans(engines, probe)
        return
    if output is not None and fits_part:
        run = FitRun(engines=engines, dataset=pictures.part(*part), probe=probe)
        if run.whole is not None:
            raise UsageError(f"{run.whole}: run it in one piece.")
        with cluster_of(ray, models, engines, quiet=quiet) as cluster:
            surveys = count(run, resume, cluster=cluster, label="Fitting", quiet=quiet)
        write_part(run, pictures, part, surveys, output, probe, quiet=quiet)
        list_bad(surveys)
        return
    first = next(iter(engines.values()))
    fits_here = probe.fit_source is None and probe.fit_stage(first.layout) is not None
    if in_rows and shard is not None and fits_here:
        raise UsageError(
            f"{probe.name} is fitted on all pictures first, and --shard gives it only some: fit it "
            "in parts (-o FILE instead of a folder), and merge these."
        )
    with cluster_of(ray, models, engines, quiet=quiet) as cluster:
        mine = pictures.part(*part)
        fitted, surveys = fit_all(engines, mine, probe, resume, cluster, quiet=quiet)
        say_advice(engines, fitted, quiet=quiet)
        if isinstance(probe, AddingProbe):
            _tell(engines, fitted, surveys, histogram, quiet=quiet)
        if output is not None and in_rows:
            ((name, engine),) = engines.items()
            note_untrained({name: engine.manifest}, quiet=quiet)
            rows = ProbeRows(engine=engine, probe=fitted[name])
            write_rows(
                rows,
                pictures,
                output,
                part,
                force=force,
                cluster=cluster,
                label="Probing",
                quiet=quiet,
            )
            return
    show_pictures(engines, pictures, fitted, output, targets, quiet=quiet)


def fit_all(
    engines: Mapping[str, Engine],
    dataset: Dataset,
    probe: Any,
    resume: Path | None,
    cluster: Cluster | None = None,
    *,
    quiet: bool,
) -> tuple[dict[str, Any], list[Survey]]:
    """Fit a probe for each model, on what it says itself, or else on the pictures.

    Parameters
    ----------
    engines : mapping of str to Engine
        By the models' names.
    dataset : Dataset
        The pictures.
    probe : Probe
        To fit.
    resume : Path, optional
        Where the state of the run is kept.
    cluster : Cluster, optional
        Whose workers go through the pictures; otherwise this process does.
    quiet : bool
        Whether to suppress notes.

    Returns
    -------
    fitted : dict of str to Probe
        By the models' names.
    surveys : list of Survey
        What it was fitted by; none where that was in a file.
    """
    from vitonnx.dataset import open_dataset
    from vitonnx.engine import is_kept_in_file
    from vitonnx.runs import FitRun

    source = probe.fit_source
    if is_kept_in_file(probe):
        if resume is not None:
            raise UsageError(
                f"{source} is fitted already, so there is nothing to resume: leave --resume out."
            )
        return {name: engine.fitted(None, probe) for name, engine in engines.items()}, []
    if source is not None:
        notice = partial(inform, quiet=quiet)
        # It is read once a stage and a model.
        dataset, probe = open_dataset([source], notice=notice).fetched(), probe.without_source()
    run = FitRun(engines=engines, dataset=dataset, probe=probe)
    surveys = count(run, resume, cluster=cluster, label="Fitting", quiet=quiet)
    if source is not None:
        skipped = list(dict.fromkeys(why for found in surveys for why in found.skipped.values()))
        if not any(found.summary.count for found in surveys):
            raise VitonnxError(f"no picture of {source} can be used to fit {probe.name} on it.")
        for reason in skipped:
            inform(f"not used to fit {probe.name}: {reason}", quiet=quiet)
    return run.fitted, surveys


def _tell(
    engines: Mapping[str, Engine],
    probes: Mapping[str, Any],
    surveys: Sequence[Survey],
    output: Path | None,
    *,
    quiet: bool,
) -> None:
    """Say what all pictures come to, and write its histogram where that was asked for."""
    found: dict[str, Histogram] = {}
    for (name, engine), survey in zip(engines.items(), surveys, strict=False):
        if survey.summary.count:
            found[name] = probes[name].finding_of(survey.summary, engine.layout)
    _say(found, quiet=quiet)
    if output is not None and found:
        _write(output, found)


def _say(found: Mapping[str, Histogram], *, quiet: bool) -> None:
    for name, finding in found.items():
        words = "; ".join(finding.details)
        inform(f"{name}: {words}." if len(found) > 1 else f"{words}.", quiet=quiet)


def _write(
    output: Path, found: Mapping[str, Histogram], more: Mapping[str, Any] | None = None
) -> None:
    """Write histograms by model, as a figure or as arrays, with more arrays if there are some."""
    if output.suffix.lower() in FIGURES:
        from vitonnx.plots import plot_findings, save_figure

        save_figure(plot_findings(found), output)
    else:
        from vitonnx.media import save_arrays, stack_models

        arrays = {
            name: {"counts": each.counts, "edges": each.edges} for name, each in found.items()
        }
        own = stack_models(arrays) if len(arrays) > 1 else next(iter(arrays.values()), {})
        save_arrays(output, {**own, **(more or {})})
    give(output)


def deliver_fit(found: TotalsFound, output: Path, *, quiet: bool) -> None:
    """Write what a probe is fitted by, once all pictures are counted, and list bad ones.

    Parameters
    ----------
    found : TotalsFound
        Of a probe that is fitted in one stage.
    output : Path
        ``.npz``: what the probe learns, and the histogram of one that has it; or a figure of that.
    quiet : bool
        Whether to suppress notes.

    Raises
    ------
    UsageError
        If no picture counts, there is no figure, or models have learned unlike things.
    typer.Exit
        With code 1 if there are bad pictures.
    """
    histograms = {
        name: finding
        for name, finding in (
            found.findings().items() if isinstance(found.probe, AddingProbe) else ()
        )
        if isinstance(finding, Histogram)
    }
    if len(found.models) > 1 and not histograms:
        raise UsageError(
            f"what {found.probe.name} learns is of one model: run it for each, without --compare."
        )
    if output.suffix.lower() in FIGURES and not histograms:
        raise UsageError(
            f"{found.probe.name} has no figure of all pictures: write what it learns to an .npz."
        )
    learned: Mapping[str, Any] = {}
    if len(found.models) == 1:
        (layout,) = found.models.values()
        learned = found.probe.learn(found.surveys[0].summary, layout).learned(layout)
    _say(histograms, quiet=quiet)
    _write(output, histograms, learned)
    list_bad(found.surveys)
