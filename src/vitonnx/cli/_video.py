"""``vitonnx probe video``: a video of where models look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from vitonnx.cli._console import complain, give, inform, watch
from vitonnx.cli._engines import note_untrained, open_engines
from vitonnx.cli._options import (
    NUMBER,
    Compare,
    Device,
    FitFrames,
    MaxPixelsOfFrames,
    Model,
    Precision,
    Quiet,
    Threads,
    parse_fit,
)
from vitonnx.cli._output import check_output, files_of
from vitonnx.cli._probe_options import Given, make_probes
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.manifest import Manifest
    from vitonnx.plots import VideoStyle
    from vitonnx.video import ScaleKind, VideoHead

EXAMPLE = "Example: vitonnx probe video deit.onnx bird.mp4 --compare dino.onnx -o bird.dino.mp4"


def video(
    given: Given,
    model: Model,
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="A video, an animated picture, or a folder of frames."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.mp4",
            help="Video to write. By default, VIDEO.PROBE.mp4 in the current folder.",
        ),
    ] = None,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            "--probe",
            metavar="NAME[:OPTION=VALUE,...]",
            help="Ask this probe, one that gives maps (repeat for several, side by side). By "
            "default, heads.",
        ),
    ] = None,
    head: Annotated[
        str,
        typer.Option(
            "--head",
            metavar="mean|N|all",
            help="Draw the mean of the heads, one head, or a mosaic of all, of probes that have "
            "them.",
        ),
    ] = "mean",
    compare: Compare = None,
    short_side: Annotated[
        int | None,
        typer.Option(
            "--short-side",
            metavar="N",
            help="Give the model's input this short side, in pixels, a multiple of the patch size. "
            "By default, the model's. The long side follows from the video.",
        ),
    ] = None,
    fit: FitFrames = None,
    style: Annotated[
        str,
        typer.Option(
            "--style",
            metavar="overlay|heatmap|side-by-side",
            help="Draw the map on the frame, alone, or beside the frame.",
        ),
    ] = "overlay",
    colormap: Annotated[
        str, typer.Option("--colormap", metavar="NAME", help="Use this colormap of Matplotlib.")
    ] = "inferno",
    opacity: Annotated[
        float | None,
        typer.Option(
            "--opacity",
            help="Hide this share of the frame where the map is highest (0.95 by default); of "
            "colours and classes everywhere (0.6 by default).",
        ),
    ] = None,
    smooth: Annotated[
        int, typer.Option("--smooth", metavar="N", help="Average the maps over N frames.")
    ] = 1,
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            metavar="video|frame|fixed",
            help="Share one colour scale across the whole video, scale each frame by itself (it "
            "flickers), or use the same fixed scale in every video: 0 to 10 times an even share of "
            "the attention. Colours and classes have no scale.",
        ),
    ] = "video",
    start: Annotated[
        str | None,
        typer.Option("--start", metavar="TIME", help="Start at this time: seconds, or 1:02:03.5."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", metavar="TIME", help="Stop before this time.")
    ] = None,
    every: Annotated[
        int, typer.Option("--every", metavar="N", help="Take every Nth frame, and show it longer.")
    ] = 1,
    fps: Annotated[
        float | None,
        typer.Option("--fps", help="Play a folder of frames at this rate. By default, 25."),
    ] = None,
    max_pixels: MaxPixelsOfFrames = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Draw what probes find in every frame of a video."""
    from vitonnx.api._video import make_video
    from vitonnx.cli._engines import Runtime
    from vitonnx.engine import Engine
    from vitonnx.media import check_writable, partial_of
    from vitonnx.media.videos import Span, open_video
    from vitonnx.video import require_maps

    asked = make_probes(probe or ["heads"], given, graph_only=True)
    for each in asked:
        require_maps(each)
    models = (model, *(compare or []))
    span = Span(start=_time("--start", start), end=_time("--end", end), every=every)
    probes = "-".join(each.name for each in asked)
    target = output or Path(f"{source.resolve().stem}.{probes}.mp4")
    read: list[str | Path] = [source, *source.iterdir()] if source.is_dir() else [source]
    read += files_of(models)
    check_output(target, {"a video": (".mp4",)}, read)
    check_writable(partial_of(target), read)  # which an interrupt would leave
    notice = partial(inform, quiet=quiet)
    opened = open_video(source, span, rate=_rate(fps), max_pixels=max_pixels, notice=notice)
    make = partial(Engine, **Runtime(device, threads, precision).options())
    engines = open_engines(models, make, quiet=quiet)
    manifests = {name: engine.manifest for name, engine in engines.items()}
    note_untrained(manifests, quiet=quiet)
    try:
        report = make_video(
            opened,
            list(engines.values()),
            asked,
            target,
            short_side=short_side,
            fit=parse_fit(fit),
            head=_head(head),
            smooth=smooth,
            scale=cast("ScaleKind", scale),
            style=cast("VideoStyle", style),
            colormap=colormap,
            opacity=opacity,
            titles=_titles(manifests),
            notice=notice,
            watch=partial(watch, quiet=quiet),
        )
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ()):
            inform(note, quiet=quiet)
        raise
    give(target)
    if report.sound is not None:
        inform(report.sound, quiet=quiet)
    if report.lost is not None:
        complain(report.lost)
        raise typer.Exit(1)


def _head(text: str) -> VideoHead:
    if text == "mean":
        return "mean"
    if text == "all":
        return "all"
    if not re.fullmatch(NUMBER, text):
        raise UsageError(f"--head {text!r} is no head: write mean, all, or a number from 0.")
    return int(text)


def _time(option: str, text: str | None) -> Fraction | None:
    """Read a time in seconds.

    Examples
    --------
    >>> _time("--start", "1:02:03.5"), _time("--start", "12")
    (Fraction(7447, 2), Fraction(12, 1))
    """
    if text is None:
        return None
    if not re.fullmatch(rf"({NUMBER}:)?({NUMBER}:)?{NUMBER}(\.\d{{0,9}})?", text):
        raise UsageError(f"{option} {text!r} is no time: write seconds, or 1:02:03.5.")
    seconds = Fraction(0)
    for part in text.split(":"):
        seconds = seconds * 60 + Fraction(part.rstrip("."))
    return seconds


def _rate(fps: float | None) -> Fraction | None:
    if fps is None:
        return None
    if not 0.01 <= fps <= 1000:
        raise UsageError(f"--fps is {fps:g}; it must be from 0.01 to 1000.")
    return Fraction(fps).limit_denominator(1001)


def _titles(manifests: Mapping[str, Manifest]) -> list[str]:
    """Call each model by its name, and say so where that means nothing."""
    return [
        f"{name} (untrained)" if manifest.untrained else name
        for name, manifest in manifests.items()
    ]
