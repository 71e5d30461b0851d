"""From models, pictures and a video to the sections of a report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from vitonnx.cli._agree import agreed
from vitonnx.cli._compare import note_untrained
from vitonnx.cli._console import complain, give, inform, watch
from vitonnx.cli._engines import note_fit, open_engines
from vitonnx.cli._inspect import describe
from vitonnx.cli._output import settle_output
from vitonnx.cli._runtime import Runtime
from vitonnx.cli._skipped import list_skipped
from vitonnx.engine import Engine, Result, best_classes
from vitonnx.errors import ModelFileError, UsageError, VideoError, VitonnxError
from vitonnx.manifest import Fit
from vitonnx.media import Notice, find_pictures, temporary_folder
from vitonnx.media.videos import Video, open_video
from vitonnx.plots import (
    Report,
    ReportPanel,
    ReportSection,
    ReportTable,
    plot_distance,
    plot_filters,
    plot_positions,
    plot_results,
    write_report,
)
from vitonnx.probes import Distance, Filters, Heads, Positions, Probe, Rollout, Summary
from vitonnx.video import open_engine, probe_video
from vitonnx.weights import probe_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ReportCall", "run"]

COMPONENTS = 28
BEST = 5


@dataclass(frozen=True, kw_only=True)
class ReportCall:
    """What was asked on the command line."""

    models: tuple[str, ...]
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
    distance: dict[str, Summary]


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
    notice = partial(inform, quiet=quiet)
    settle = partial(settle_output, ending=".report.html", forms={"a page": (".html",)})
    settle(call.output, call.models)
    pictures = find_pictures(call.inputs, notice=notice)
    video = None if call.video is None else _open_video(call, notice)
    make = partial(
        Engine,
        size=call.size,
        max_pixels=call.max_pixels,
        notice=notice,
        **call.runtime.options(),
    )
    engines = open_engines(call.models, make, quiet=quiet)
    read = [*pictures, *([] if call.video is None else [call.video])]
    output = settle(call.output, [engine.file for engine in engines.values()], inputs=read)
    manifests = {name: engine.manifest for name, engine in engines.items()}
    note = note_untrained(manifests, quiet=quiet)
    findings = _find(engines, pictures, call.show, quiet=quiet)
    errors = findings.errors
    if len(errors) == len(pictures):
        list_skipped(errors, len(pictures))
    sections = [
        _models(engines),
        *_pictures(findings.shown, engines),
        _distance(findings.distance),
        *_weights(engines),
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


def _find(
    engines: Mapping[str, Engine], pictures: Sequence[Path], show: int, *, quiet: bool
) -> Findings:
    """Answer all probes from one pass, and keep the whole results of the first pictures alone."""
    distance = Distance()
    probes: list[Probe[Any]] = [Heads(), Rollout(), distance]
    found = Findings([], [], dict.fromkeys(engines, distance.summary()))
    answers = agreed([engine.stream(pictures, probes) for engine in engines.values()])
    for answer in watch(answers, total=len(pictures), label="Probing", quiet=quiet):
        if answer[0].error is not None:
            found.errors.append(answer[0].error)
            continue
        models = dict(zip(engines, answer, strict=True))
        for name, result in models.items():
            total = distance.summary([result[distance.name]])
            found.distance[name] = found.distance[name].merge(total)
        if len(found.shown) < show:
            found.shown.append(models)
    return found


def _models(engines: Mapping[str, Engine]) -> ReportSection:
    """Set the manifests side by side."""
    columns = [describe(engine.manifest) for engine in engines.values()]
    rows = [[key, *(column[key] for column in columns)] for key in columns[0] if key != "name"]
    return ReportSection("Models", table=ReportTable(["", *engines], rows))


def _pictures(
    shown: Sequence[Mapping[str, Result]], engines: Mapping[str, Engine]
) -> Iterator[ReportSection]:
    """Give each shown picture a section: predictions, heads and rollout of every model."""
    for models in shown:
        name = Path(next(iter(models.values())).file).name
        panels = [
            ReportPanel(
                plot_results(probe, {model: [result]}, _untrained(engines[model])),
                description=f"{what} of {model} on {name}",
            )
            for probe, what in (("heads", "Attention heads"), ("rollout", "Attention rollout"))
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


def _distance(totals: Mapping[str, Summary]) -> ReportSection:
    pictures = next(iter(totals.values())).count
    return ReportSection(
        "Mean attention distance",
        text=f"How far the heads look, in pixels of the input; pictures: {pictures}.",
        panels=[ReportPanel(plot_distance(totals), "Mean attention distance, head by head")],
    )


def _weights(engines: Mapping[str, Engine]) -> Iterator[ReportSection]:
    """Draw what the weights alone tell."""
    filters = {name: Filters(components=_components(engine)) for name, engine in engines.items()}
    text = "What the patch embedding looks for, and the principal components of all filters."
    yield _weights_section("Filters", text, filters, engines, plot_filters)
    text = "How alike the position embeddings of the patches are."
    positions = dict.fromkeys(engines, Positions())
    yield _weights_section("Positions", text, positions, engines, plot_positions)


def _weights_section(
    title: str,
    text: str,
    probes: Mapping[str, Any],
    engines: Mapping[str, Engine],
    plot: Callable[..., Figure],
) -> ReportSection:
    """Set models side by side; one that lacks the weights is named instead."""
    results, without, description = {}, [], text
    for name, engine in engines.items():
        try:
            results[name] = probe_weights(engine.file, probes[name])
        except (UsageError, ModelFileError):  # its attention was read: the file is whole
            without.append(name)
    if without:
        text += f" {', '.join(without)}: there are none to show."
    panels = [ReportPanel(plot(results), description)] if results else []
    return ReportSection(title, text=text, panels=panels)


def _components(engine: Engine) -> int:
    """Give as many components as the paper shows, or all that so few filters can have."""
    manifest = engine.manifest
    return min(COMPONENTS, manifest.dim - 1, 3 * manifest.patch_size**2)


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
        lost = f"The page has no video: {error}"
        return ReportSection("Video", text=lost), lost
    text = "Mean over the heads of the last block, frame by frame."
    section = ReportSection(
        "Video", text=text, panels=[ReportPanel(content, "Video of where they look")]
    )
    return section, video.complaint


def _draw_video(
    call: ReportCall, video: Video, engines: Mapping[str, Engine], *, quiet: bool
) -> bytes:
    of_video = {
        name: open_engine(engine.file, video.size, fit=call.fit, **call.runtime.options())
        for name, engine in engines.items()
    }
    if call.fit is None:
        note_fit(of_video, video.size, quiet=quiet)
    with temporary_folder() as folder:
        path = folder / "video.mp4"
        probe_video(
            video,
            list(of_video.values()),
            Heads(),
            path,
            titles=list(of_video),
            watch=partial(watch, quiet=quiet),
        )
        return path.read_bytes()
