"""From models, pictures and a video to the sections of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer

from vitonnx.api._video import make_video
from vitonnx.cli._console import complain, give, inform, list_skipped, watch
from vitonnx.cli._counting import count
from vitonnx.cli._engines import Runtime, agreed, note_untrained, open_engines, say_advice
from vitonnx.cli._inspect import describe
from vitonnx.cli._output import settle_output
from vitonnx.cli._probe_fitted import fit_all
from vitonnx.dataset import as_dataset
from vitonnx.engine import Engine, Result, best_classes
from vitonnx.errors import ModelFileError, UsageError, VideoError, VitonnxError
from vitonnx.manifest import Fit
from vitonnx.media import Notice, find_pictures, temporary_folder
from vitonnx.media.videos import Video, open_video
from vitonnx.plots import (
    MOST_PICTURES,
    Report,
    ReportPanel,
    ReportSection,
    ReportTable,
    plot_findings,
    plot_results,
    write_report,
)
from vitonnx.probes import (
    AddingProbe,
    ColourMaps,
    Found,
    Maps,
    PictureResult,
    Probe,
    SumProbe,
    TableProbe,
    WeightProbe,
    answering,
)
from vitonnx.runs import TotalRun
from vitonnx.weights import probe_weights

__all__ = ["ReportCall", "run"]

BEST = 5


@dataclass(frozen=True, kw_only=True)
class ReportCall:
    """What was asked on the command line."""

    models: tuple[str, ...]
    probes: tuple[Any, ...]
    chosen: bool  # by the user, and not the default ones
    inputs: tuple[str, ...]
    output: Path | None
    video: Path | None
    fit: Fit | None
    show: int
    size: tuple[int, int] | None
    max_pixels: int | None
    runtime: Runtime


@dataclass(frozen=True)
class Findings:
    """What the models say of all pictures: of the first ones whole, of the others the totals.

    A picture that one of them can't take is in nothing.
    """

    shown: list[dict[str, Result]]
    errors: list[VitonnxError]
    totals: dict[str, dict[str, Any]]
    """By the probes' names, then by the models'."""
    sheets: dict[str, dict[str, list[PictureResult]]]
    """The same of what is drawn on one sheet, of as many pictures as that holds."""


def run(call: ReportCall, *, quiet: bool) -> None:
    """Do it: bad pictures are skipped, and listed at the end.

    Raises
    ------
    typer.Exit
        With code 1 if a picture was skipped, or the video or frames of it are lost.
    """
    if call.fit is not None and call.video is None:
        raise UsageError(
            "--fit says how frames of a video are fitted: give --video VIDEO, or leave it out."
        )
    if call.video is not None and not _giving_maps(call):
        raise UsageError("--video is made of maps: name a --probe that gives some, such as heads.")
    notice = partial(inform, quiet=quiet)
    settle = partial(settle_output, ending=".report.html", forms={"a report": (".html",)})
    settle(call.output, call.models)
    pictures = find_pictures(call.inputs, notice=notice)
    video = None if call.video is None else _open_video(call, notice)
    make = call.runtime.opener(call.size, call.max_pixels, quiet=quiet)
    engines = open_engines(call.models, make, quiet=quiet)
    read = [*pictures, *([] if call.video is None else [call.video])]
    output = settle(call.output, [engine.file for engine in engines.values()], inputs=read)
    manifests = {name: engine.manifest for name, engine in engines.items()}
    note = note_untrained(manifests, quiet=quiet)
    call, fitted = _fit(call, engines, pictures, quiet=quiet)
    findings = _find(call, engines, pictures, fitted, quiet=quiet)
    errors = findings.errors
    if len(errors) == len(pictures):
        list_skipped(errors, len(pictures))
    sections = [
        _models(engines),
        *_pictures(findings.shown, engines, _of_pictures(call)),
        *_sheets(call, findings.sheets, engines),
        *_totals(call, findings.totals, engines),
        *_weights(call, engines),
    ]
    lost = None
    if video is not None:
        section, lost = _video(call, video, engines, quiet=quiet)
        sections.append(section)
    several = f"{len(engines)} models look"
    title = f"Where {several if len(engines) > 1 else f'{next(iter(engines))} looks'}"
    write_report(output, Report(title, sections, notes=[note] if note else []))
    give(output)
    if lost is not None:
        complain(lost)
    list_skipped(errors, len(pictures))
    if lost is not None:
        raise typer.Exit(1)


def _of_pictures(call: ReportCall) -> list[Probe[Any]]:
    """Give the probes whose results are drawn picture by picture."""
    return [
        probe
        for probe in call.probes
        if isinstance(probe, Probe)
        and not isinstance(probe, TableProbe | SumProbe)
        and probe.gives is not ColourMaps
    ]


def _of_sheets(call: ReportCall) -> list[Probe[Any]]:
    """Give the probes whose results mean the same in all pictures, which share a sheet."""
    return [
        probe for probe in call.probes if isinstance(probe, Probe) and probe.gives is ColourMaps
    ]


def _giving_maps(call: ReportCall) -> list[Probe[Any]]:
    return [probe for probe in _of_pictures(call) if probe.gives is Maps and probe.in_videos]


def _fit(
    call: ReportCall, engines: Mapping[str, Engine], pictures: Sequence[Path], *, quiet: bool
) -> tuple[ReportCall, dict[str, dict[str, Any]]]:
    """Fit the probes that need it, for each model; one that nobody chose may be refused."""
    fitted: dict[str, dict[str, Any]] = {}
    refused = []
    dataset = as_dataset([str(picture) for picture in pictures])
    for probe in call.probes:
        if getattr(probe, "learns", ()):
            try:
                fitted[probe.name], _ = fit_all(engines, dataset, probe, None, quiet=quiet)
                say_advice(engines, fitted[probe.name], quiet=quiet)
            except UsageError as error:
                if call.chosen:
                    raise
                inform(f"the report has no {probe.name}: {error}", quiet=quiet)
                refused.append(probe)
    kept = tuple(probe for probe in call.probes if probe not in refused)
    return replace(call, probes=kept), fitted


def _find(
    call: ReportCall,
    engines: Mapping[str, Engine],
    pictures: Sequence[Path],
    fitted: Mapping[str, Mapping[str, Any]],
    *,
    quiet: bool,
) -> Findings:
    """Answer all probes from one pass, and keep the whole results of the first pictures alone.

    What adds up in batches alone has a pass of its own, over the pictures that all models took.
    """
    probes = [probe for probe in call.probes if isinstance(probe, Probe)]
    at_once = [probe for probe in probes if not isinstance(probe, SumProbe)]
    adding = [probe for probe in at_once if isinstance(probe, AddingProbe)]
    totals: dict[str, dict[str, Any]] = {
        probe.name: dict.fromkeys(engines, probe.summary()) for probe in adding
    }
    on_sheets = _of_sheets(call)
    sheets: dict[str, dict[str, list[PictureResult]]] = {
        probe.name: {name: [] for name in engines} for probe in on_sheets
    }
    found, good = Findings([], [], totals, sheets), []
    own = {
        name: [fitted.get(probe.name, {}).get(name, probe) for probe in at_once] for name in engines
    }
    answers = agreed(engines, pictures, at_once, own)
    for answer in watch(answers, total=len(pictures), label="Probing", quiet=quiet):
        if answer[0].error is not None:
            found.errors.append(answer[0].error)
            continue
        good.append(answer[0].file)
        models = dict(zip(engines, answer, strict=True))
        for probe in adding:
            of_probe = totals[probe.name]
            for name, result in models.items():
                of_probe[name] = of_probe[name].merge(probe.summary([result[probe.name]]))
        if len(good) <= MOST_PICTURES:
            for on_sheet in on_sheets:
                for name, result in models.items():
                    sheets[on_sheet.name][name].append(result[on_sheet.name])
        if len(found.shown) < call.show:
            found.shown.append(models)
    for each in probes:
        if isinstance(each, SumProbe) and good:
            run = TotalRun(engines=engines, dataset=as_dataset(good), probe=each)
            surveys = count(run, None, label="Measuring", quiet=quiet)
            totals[each.name] = {
                name: found.summary for name, found in zip(engines, surveys, strict=True)
            }
    return found


def _models(engines: Mapping[str, Engine]) -> ReportSection:
    """Set the manifests side by side."""
    columns = [describe(engine.manifest) for engine in engines.values()]
    rows = [[key, *(column[key] for column in columns)] for key in columns[0] if key != "name"]
    return ReportSection("Models", table=ReportTable(["", *engines], rows))


def _pictures(
    shown: Sequence[Mapping[str, Result]],
    engines: Mapping[str, Engine],
    probes: Sequence[Probe[Any]],
) -> Iterator[ReportSection]:
    """Give each shown picture a section: predictions, and the maps of every probe and model."""
    for models in shown:
        name = Path(next(iter(models.values())).file).name
        panels = [
            ReportPanel(
                plot_results({model: [result[probe.name]]}, _untrained(engines[model])),
                description=f"{probe.name} of {model} on {name}",
            )
            for probe in probes
            for model, result in models.items()
        ]
        yield ReportSection(name, table=_predictions(models, engines), panels=panels)


def _untrained(engine: Engine) -> str:
    return "untrained: random weights" if engine.manifest.untrained else ""


def _predictions(models: Mapping[str, Result], engines: Mapping[str, Engine]) -> ReportTable | None:
    """Set the best classes of those models side by side that have a head."""
    columns = {
        name: _best(result.logits, engines[name].manifest.classes)
        for name, result in models.items()
        if result.logits is not None
    }
    if not columns:
        return None
    depth = max(map(len, columns.values()))
    padded = [[*column, *[""] * (depth - len(column))] for column in columns.values()]
    rows = [[str(rank + 1), *cells] for rank, cells in enumerate(zip(*padded, strict=True))]
    return ReportTable(["prediction", *columns], rows)


def _best(logits: np.ndarray, classes: tuple[str, ...] | None) -> list[str]:
    return [
        f"{best.label or f'class {best.index}'} ({best.probability:.1%})"
        for best in best_classes(logits, classes, BEST)
    ]


def _sheets(
    call: ReportCall,
    sheets: Mapping[str, Mapping[str, list[PictureResult]]],
    engines: Mapping[str, Engine],
) -> Iterator[ReportSection]:
    """Give each probe whose colours mean the same in all pictures a section, with one sheet."""
    for probe in _of_sheets(call):
        results = {name: found for name, found in sheets[probe.name].items() if found}
        if results:
            note = " ".join(filter(None, (_untrained(engine) for engine in engines.values())))
            count = len(next(iter(results.values())))
            panel = ReportPanel(plot_results(results, note), f"{probe.name} of {count} pictures")
            yield ReportSection(probe.name.upper(), text=f"Pictures: {count}.", panels=[panel])


def _totals(
    call: ReportCall, totals: Mapping[str, Mapping[str, Any]], engines: Mapping[str, Engine]
) -> Iterator[ReportSection]:
    """Give each probe with totals a section, the models side by side."""
    for probe in call.probes:
        if not isinstance(probe, AddingProbe) or probe.name not in totals:
            continue
        try:
            with answering(probe):
                findings = {
                    name: probe.finding_of(total, engines[name].layout)
                    for name, total in totals[probe.name].items()
                }
        except UsageError as error:  # of too few pictures
            yield ReportSection(probe.name.upper(), text=f"{probe.name}: {error}")
            continue
        (first, *_) = findings.values()
        title = getattr(first, "title", probe.name.upper())
        count = next(iter(totals[probe.name].values())).count
        unit = getattr(first, "unit", title)
        text = f"{unit[:1].upper()}{unit[1:]}; pictures: {count}."
        panel = ReportPanel(plot_findings(findings), f"{title} of all pictures")
        yield ReportSection(title, text=text, panels=[panel])


def _weights(call: ReportCall, engines: Mapping[str, Engine]) -> Iterator[ReportSection]:
    """Draw what the weights alone tell, models side by side; one that lacks them is named."""
    for probe in call.probes:
        if not isinstance(probe, WeightProbe):
            continue
        tries = (probe,) if call.chosen else (probe, type(probe)())
        found = {name: _ask_weights(engine, tries) for name, engine in engines.items()}
        with answering(probe):
            findings = {name: each.finding for name, each in found.items() if each is not None}
        without = [name for name, each in found.items() if each is None]
        text = f"{', '.join(without)}: there are none to show." if without else ""
        panels = []
        if findings:
            words = getattr(next(iter(findings.values())), "details", ())
            text = f"{', '.join(words).capitalize()}. {text}".strip() if words else text
            panels = [ReportPanel(plot_findings(findings), text or probe.name)]
        yield ReportSection(probe.name.capitalize(), text=text, panels=panels)


def _ask_weights(engine: Engine, tries: Sequence[WeightProbe[Any]]) -> Found | None:
    """Ask until a model has what is asked for; None where it has none."""
    for asked in tries:
        with suppress(UsageError, ModelFileError):  # its attention was read: the file is whole
            found: Found = probe_weights(engine.file, asked)
            return found
    return None


def _open_video(call: ReportCall, notice: Notice) -> Video | VideoError:
    """Open a video; one that is there and can't be read costs the page nothing else."""
    assert call.video is not None
    try:
        return open_video(call.video, max_pixels=call.max_pixels, notice=notice)
    except VideoError as error:
        if not call.video.exists():
            raise
        return error


def _video(
    call: ReportCall, video: Video | VideoError, engines: Mapping[str, Engine], *, quiet: bool
) -> tuple[ReportSection, str | None]:
    """Make the video beside the page, and take it in; and say what of it is lost.

    A video that fails costs the page nothing else.
    """
    try:
        if isinstance(video, VideoError):
            raise video
        content = _draw_video(call, video, engines, quiet=quiet)
    except VitonnxError as error:
        lost = f"The report has no video: {error}"
        return ReportSection("Video", text=lost), lost
    text = f"The maps of {_giving_maps(call)[0].name}, frame by frame."
    section = ReportSection(
        "Video", text=text, panels=[ReportPanel(content, "Video of where they look")]
    )
    return section, video.complaint


def _draw_video(
    call: ReportCall, video: Video, engines: Mapping[str, Engine], *, quiet: bool
) -> bytes:
    (probe, *_) = _giving_maps(call)
    # At the video's own shape, whatever size the pictures have.
    plain = [Engine(engine.file, **call.runtime.options()) for engine in engines.values()]
    with temporary_folder() as folder:
        path = folder / "video.mp4"
        make_video(
            video,
            plain,
            probe,
            path,
            fit=call.fit,
            titles=list(engines),
            notice=partial(inform, quiet=quiet),
            watch=partial(watch, quiet=quiet),
        )
        return path.read_bytes()
