"""From models, pictures and a video to the sections of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import typer

from vitonnx.api._video import make_video
from vitonnx.cli._console import complain, give, inform, list_skipped, watch
from vitonnx.cli._engines import Runtime, note_untrained, open_engines
from vitonnx.cli._inspect import describe
from vitonnx.cli._output import settle_output
from vitonnx.cli._report_findings import Asked, Findings, find, settle_probes
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
    ON_PICTURES,
    AddingProbe,
    Found,
    Maps,
    Probe,
    SumProbe,
    TableProbe,
    WeightProbe,
    answering,
)
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
    of_pictures = [probe for probe in call.probes if isinstance(probe, Probe)]
    asked = settle_probes(engines, of_pictures, pictures, chosen=call.chosen, quiet=quiet)
    findings = find(engines, asked, pictures, call.show, quiet=quiet)
    errors = findings.errors
    if len(errors) == len(pictures):
        list_skipped(errors, len(pictures))
    sections = [
        *_predictions(findings.shown, engines),
        *_answers(call, asked, findings, engines, note),
    ]
    lost = None
    if video is not None:
        section, lost = _video(call, video, engines, quiet=quiet)
        sections.append(section)
    sections.append(_models(engines))
    several = f"{len(engines)} models look"
    title = f"Where {several if len(engines) > 1 else f'{next(iter(engines))} looks'}"
    write_report(output, Report(title, sections, notes=[note] if note else []))
    give(output)
    if lost is not None:
        complain(lost)
    list_skipped(errors, len(pictures))
    if lost is not None:
        raise typer.Exit(1)


def _drawn_alone(probe: Any) -> bool:
    """Tell whether what a probe finds in a single picture is drawn."""
    return isinstance(probe, Probe) and not isinstance(probe, TableProbe | SumProbe)


def _giving_maps(call: ReportCall) -> list[Probe[Any]]:
    return [
        probe
        for probe in call.probes
        if _drawn_alone(probe) and probe.gives is Maps and probe.in_videos
    ]


def _predictions(
    shown: Sequence[Mapping[str, Result]], engines: Mapping[str, Engine]
) -> Iterator[ReportSection]:
    """Set what those models that have a head call each shown picture side by side."""
    heads = [name for name in engines if shown and shown[0][name].logits is not None]
    if not heads:
        return
    rows = []
    for models in shown:
        name = Path(models[heads[0]].file).name
        best = [_best(models[head].logits, engines[head].manifest.classes) for head in heads]
        rows.append([name, *best])
    text = "What each model calls the pictures: the best classes of its head."
    yield ReportSection("Predictions", text=text, table=ReportTable(["", *heads], rows))


def _best(logits: np.ndarray | None, classes: tuple[str, ...] | None) -> str:
    found = [] if logits is None else best_classes(logits, classes, BEST)
    return ", ".join(
        f"{best.label or f'class {best.index}'} ({best.probability:.1%})" for best in found
    )


def _answers(
    call: ReportCall,
    asked: Mapping[str, Asked],
    findings: Findings,
    engines: Mapping[str, Engine],
    note: str,
) -> Iterator[ReportSection]:
    """Give each probe a section, in order: what its figure tells, and its figures."""
    for probe in call.probes:
        if isinstance(probe, WeightProbe):
            facts, panels = _of_weights(call, probe, engines)
        elif probe.name in asked:
            facts, panels = _of_pictures(asked[probe.name], findings, engines, note)
        else:  # refused, which was said
            continue
        title = type(probe).__name__
        yield ReportSection(title, probe.purpose, facts=" ".join(facts), panels=panels)


def _of_pictures(
    asked: Asked, findings: Findings, engines: Mapping[str, Engine], note: str
) -> tuple[list[str], list[ReportPanel]]:
    """Draw what was found in the shown pictures, and what all pictures come to."""
    facts, panels = [f"{name}: {why}" for name, why in asked.refusals.items()], []
    if _drawn_alone(asked.probe) and findings.shown:
        panels += _drawn(asked, findings.shown, engines, note)
    if asked.probe.name in findings.totals:
        said, figures = _total(asked, findings.totals[asked.probe.name], engines)
        facts, panels = [*said, *facts], [*panels, *figures]
    return facts, panels


def _drawn(
    asked: Asked,
    shown: Sequence[Mapping[str, Result]],
    engines: Mapping[str, Engine],
    note: str,
) -> list[ReportPanel]:
    """Draw maps on one sheet; those that have parts, such as heads, and all else one by one."""
    probe = asked.probe
    has_parts = any(own.parts(engines[name].layout) for name, own in asked.models.items())
    if probe.gives in ON_PICTURES and not has_parts:
        some = shown[:MOST_PICTURES]
        results = {name: [models[name][probe.name] for models in some] for name in asked.models}
        names = ", ".join(Path(next(iter(models.values())).file).name for models in some)
        return [ReportPanel(plot_results(results, note), f"{probe.name} on {names}")]
    return [
        ReportPanel(
            plot_results({name: [models[name][probe.name]]}, _untrained(engines[name])),
            description=f"{probe.name} of {name} on {Path(models[name].file).name}",
        )
        for models in shown
        for name in asked.models
    ]


def _untrained(engine: Engine) -> str:
    return "untrained: random weights" if engine.manifest.untrained else ""


def _total(
    asked: Asked, totals: Mapping[str, Any], engines: Mapping[str, Engine]
) -> tuple[list[str], list[ReportPanel]]:
    """Draw what all pictures come to, models side by side."""
    probe = asked.probe
    assert isinstance(probe, AddingProbe)
    try:
        with answering(probe):
            findings = {
                name: probe.finding_of(total, engines[name].layout)
                for name, total in totals.items()
            }
    except UsageError as error:  # of too few pictures
        return [f"{probe.name}: {error}"], []
    (first, *_) = findings.values()
    title = getattr(first, "title", probe.name)
    unit = getattr(first, "unit", title)
    count = next(iter(totals.values())).count
    said = f"{unit[:1].upper()}{unit[1:]}; pictures: {count}."
    return [said], [ReportPanel(plot_findings(findings), f"{title} of all pictures")]


def _of_weights(
    call: ReportCall, probe: WeightProbe[Any], engines: Mapping[str, Engine]
) -> tuple[list[str], list[ReportPanel]]:
    """Draw what the weights alone tell, models side by side; one that lacks them is named."""
    tries = (probe,) if call.chosen else (probe, type(probe)())
    found = {name: _ask_weights(engine, tries) for name, engine in engines.items()}
    with answering(probe):
        findings = {name: each.finding for name, each in found.items() if each is not None}
    without = [name for name, each in found.items() if each is None]
    facts, panels = [f"{', '.join(without)}: there are none to show."] if without else [], []
    if findings:
        words = ", ".join(getattr(next(iter(findings.values())), "details", ()))
        facts = [f"{words[:1].upper()}{words[1:]}.", *facts] if words else facts
        panels = [ReportPanel(plot_findings(findings), words or probe.name)]
    return facts, panels


def _models(engines: Mapping[str, Engine]) -> ReportSection:
    """Set the manifests side by side."""
    columns = [describe(engine.manifest) for engine in engines.values()]
    rows = [[key, *(column[key] for column in columns)] for key in columns[0] if key != "name"]
    return ReportSection("Models", table=ReportTable(["", *engines], rows))


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
    text = f"See whether the maps of {_giving_maps(call)[0].name} stay on things that move."
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
