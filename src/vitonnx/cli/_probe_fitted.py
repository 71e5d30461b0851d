"""``vitonnx probe NAME`` of a probe that must see all pictures before it can show one."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vitonnx.cli._console import give, inform
from vitonnx.cli._engines import Runtime, open_engines, print_plans, say_advice
from vitonnx.cli._options import (
    Compare,
    Device,
    Explain,
    Limit,
    MaxPixels,
    Model,
    Output,
    Precision,
    Quiet,
    Resume,
    Sample,
    Seed,
    Size,
    Threads,
    parse_size,
)
from vitonnx.cli._output import (
    FIGURE_OR_ARRAYS,
    FIGURES,
    check_output,
    files_of,
    name_figures,
)
from vitonnx.cli._probe_pictures import check_sheet, show_pictures
from vitonnx.cli._sample import find_sample, go_through, load_surveys, refuse_one
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import AddingProbe, Histogram

if TYPE_CHECKING:
    from vitonnx.engine import Engine, Survey

__all__ = ["fit_all", "probe_fitted"]


def probe_fitted(
    probe: Any,
    model: Model,
    inputs: Sample,
    output: Output = None,
    histogram: Annotated[
        Path | None,
        typer.Option(
            "--histogram",
            metavar="FILE",
            help="Also write the histogram of all pictures: a figure (.png, .pdf, .svg) or raw "
            "arrays (.npz).",
        ),
    ] = None,
    limit: Limit = None,
    seed: Seed = None,
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
    """Fit one probe on all pictures, then show it in each; bad ones are listed at the end."""
    from vitonnx.media import Files, check_writable

    models = (model, *(compare or []))
    files = find_sample(inputs, limit, seed, quiet=quiet)
    read = Files({*files, *(name.removeprefix("@") for name in inputs)}) | files_of(models)
    targets = []
    if probe.fit_source is not None:
        read |= [probe.fit_source]
    for each in (output, histogram):
        if each is not None:
            check_output(each, FIGURE_OR_ARRAYS, read)
    if output is not None and histogram is not None:
        refuse_one(output, histogram, "the output and the histogram")
    if output is not None:
        check_sheet(output, len(files), probe)
    elif not explain:
        targets = name_figures([Path(file) for file in files], f".{probe.name}.png", models)
    if resume is not None:
        check_writable(resume, read)
        for each in filter(None, (output, histogram)):
            refuse_one(each, resume)
    runtime = Runtime(device, threads, precision)
    make = runtime.opener(parse_size(size), max_pixels, quiet=quiet)
    engines = open_engines(models, make, quiet=quiet)
    if explain:
        print_plans(engines, probe)
        return
    fitted, surveys = fit_all(engines, files, probe, resume, quiet=quiet)
    say_advice(engines, fitted, quiet=quiet)
    if isinstance(probe, AddingProbe):
        _tell(engines, fitted, surveys, histogram, quiet=quiet)
    show_pictures(engines, files, fitted, output, targets, quiet=quiet)


def fit_all(
    engines: Mapping[str, Engine],
    files: Sequence[str],
    probe: Any,
    resume: Path | None,
    *,
    quiet: bool,
) -> tuple[dict[str, Any], list[Survey]]:
    """Fit a probe for each model, on what it says itself, or else on the pictures.

    Returns
    -------
    fitted : dict of str to Probe
        By the models' names.
    surveys : list of Survey
        What it was fitted by; none where that was in a file.
    """
    from vitonnx.engine import StateFile, is_kept_in_file, stages_of

    source = probe.fit_source
    if is_kept_in_file(probe):
        if resume is not None:
            raise UsageError(
                f"{source} is fitted already, so that there is nothing to resume: leave --resume "
                "out."
            )
        return {name: engine.fitted(None, probe) for name, engine in engines.items()}, []
    if source is not None:
        files, probe = find_sample([source], None, None, quiet=quiet), probe.without_source()
    opened = list(engines.values())
    state = None if resume is None else StateFile.of_run(resume, opened, files, probe)
    stages = len(stages_of(probe, opened[0].layout))
    surveys = load_surveys(state, stages * len(opened))
    fitted: dict[str, Any] = {}
    steps = _steps(engines, files, probe, surveys, stages, fitted)
    go_through(steps, surveys, opened, files, state, label="Fitting", quiet=quiet)
    if source is not None:
        skipped = list(dict.fromkeys(why for found in surveys for why in found.skipped.values()))
        if len(skipped) == len(files):
            raise VitonnxError(f"no picture of {source} can be used to fit {probe.name} on it.")
        for reason in skipped:
            inform(f"not used to fit {probe.name}: {reason}", quiet=quiet)
    return fitted, surveys


def _steps(
    engines: Mapping[str, Engine],
    files: Sequence[str],
    probe: Any,
    surveys: Sequence[Survey],
    stages: int,
    fitted: dict[str, Any],
) -> Iterator[Survey]:
    """Go through the pictures for one model after the other, and note what each comes to."""
    from vitonnx.engine import fit_steps

    for number, (name, engine) in enumerate(engines.items()):
        own = surveys[number * stages : (number + 1) * stages]
        steps: Generator[Survey, None, Any] = fit_steps(engine, files, probe, own)
        fitted[name] = yield from steps


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
            finding = probes[name].finding_of(survey.summary, engine.layout)
            found[name] = finding
            words = "; ".join(finding.details)
            inform(f"{name}: {words}." if len(engines) > 1 else f"{words}.", quiet=quiet)
    if output is None or not found:
        return
    if output.suffix.lower() in FIGURES:
        from vitonnx.plots import plot_findings, save_figure

        save_figure(plot_findings(found), output)
    else:
        from vitonnx.media import save_arrays, stack_models

        arrays = {
            name: {"counts": each.counts, "edges": each.edges} for name, each in found.items()
        }
        save_arrays(
            output, stack_models(arrays) if len(arrays) > 1 else next(iter(arrays.values()))
        )
    give(output)
