"""``vitonnx probe video``: a video of where models look."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from vitonnx.cli._compare import note_untrained
from vitonnx.cli._console import complain, give, inform, watch
from vitonnx.cli._engines import note_fit, open_engines
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
    parse_query,
)
from vitonnx.cli._output import check_output, files_of
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.manifest import Manifest
    from vitonnx.plots import VideoStyle
    from vitonnx.probes import Fusion, Heads, Rollout
    from vitonnx.video import ScaleKind, VideoHead

EXAMPLE = "Example: vitonnx probe video deit.onnx bird.mp4 --compare dino.onnx -o bird.dino.mp4"


def video(
    model: Model,
    video: Annotated[
        Path,
        typer.Argument(metavar="IN", help="A video, an animated picture, or a folder of frames."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.mp4",
            help="The video to write. Without it, VIDEO.PROBE.mp4 is written here.",
        ),
    ] = None,
    probe: Annotated[
        str, typer.Option("--probe", metavar="heads|rollout", help="What is asked.")
    ] = "heads",
    head: Annotated[
        str, typer.Option("--head", metavar="mean|N|all", help="Of heads; all is a mosaic.")
    ] = "mean",
    block: Annotated[
        int | None, typer.Option("--block", help="Of heads: 0 is the first, -1 the last (default).")
    ] = None,
    query: Annotated[
        str | None,
        typer.Option("--query", metavar="TOKEN|mean|Y,X", help="Of heads: who looks, as there."),
    ] = None,
    fusion: Annotated[
        str | None,
        typer.Option("--fusion", metavar="mean|max|min", help="Of rollout: over the heads."),
    ] = None,
    discard: Annotated[
        float | None, typer.Option("--discard", help="Of rollout: share set to zero.")
    ] = None,
    compare: Compare = None,
    short_side: Annotated[
        int | None,
        typer.Option(
            "--short-side",
            metavar="N",
            help="Of the model's input, in pixels, a multiple of the patch size; by default that "
            "of the file's. The longer side follows from the video.",
        ),
    ] = None,
    fit: FitFrames = None,
    style: Annotated[
        str, typer.Option("--style", metavar="overlay|heatmap|side-by-side", help="How to draw.")
    ] = "overlay",
    colormap: Annotated[
        str, typer.Option("--colormap", metavar="NAME", help="One of Matplotlib's.")
    ] = "inferno",
    opacity: Annotated[
        float,
        typer.Option("--opacity", help="How much an overlay hides where the map is highest."),
    ] = 0.95,
    smooth: Annotated[
        int, typer.Option("--smooth", metavar="N", help="Frames of a moving average over time.")
    ] = 1,
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            metavar="video|frame|fixed",
            help="What shares one scale of colours: the whole video; each frame alone, which "
            "flickers; or every video there is: 0 to 10 times an even share of the attention.",
        ),
    ] = "video",
    start: Annotated[
        str | None, typer.Option("--start", metavar="TIME", help="In seconds, or as 1:02:03.5.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", metavar="TIME", help="What is shown then is left out.")
    ] = None,
    every: Annotated[
        int, typer.Option("--every", metavar="N", help="Take every Nth frame; each lasts longer.")
    ] = 1,
    fps: Annotated[
        float | None,
        typer.Option("--fps", help="Frames a second of a folder, 25 by default."),
    ] = None,
    max_pixels: MaxPixelsOfFrames = None,
    device: Device = "auto",
    threads: Threads = None,
    precision: Precision = "auto",
    quiet: Quiet = False,
) -> None:
    """Draw where a model looks in every frame of a video."""
    from vitonnx.cli._runtime import Runtime
    from vitonnx.media import check_writable, partial_of
    from vitonnx.media.videos import Span, open_video
    from vitonnx.plots import VideoColours
    from vitonnx.video import VideoOptions, open_engine, probe_video

    asked = _probe(probe, block=block, query=query, fusion=fusion, discard=discard)
    options = VideoOptions(
        head=_head(head),
        smooth=smooth,
        scale=cast("ScaleKind", scale),
        colours=VideoColours(cast("VideoStyle", style), colormap, opacity),
    )
    span = Span(start=_time("--start", start), end=_time("--end", end), every=every)
    target = output or Path(f"{video.resolve().stem}.{asked.name}.mp4")
    read: list[str | Path] = [video, *video.iterdir()] if video.is_dir() else [video]
    read += files_of([model, *(compare or [])])
    check_output(target, {"a video": (".mp4",)}, read)
    check_writable(partial_of(target), read)  # which an interrupt would leave
    notice = partial(inform, quiet=quiet)
    opened = open_video(video, span, rate=_rate(fps), max_pixels=max_pixels, notice=notice)
    make = partial(
        open_engine,
        frame=opened.size,
        short_side=short_side,
        fit=parse_fit(fit),
        **Runtime(device, threads, precision).options(),
    )
    engines = open_engines([model, *(compare or [])], make, quiet=quiet)
    manifests = {name: engine.manifest for name, engine in engines.items()}
    note_untrained(manifests, quiet=quiet)
    if fit is None:
        note_fit(engines, opened.size, quiet=quiet)
    try:
        report = probe_video(
            opened,
            list(engines.values()),
            asked,
            target,
            options,
            titles=_titles(manifests),
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


def _probe(
    name: str,
    *,
    block: int | None,
    query: str | None,
    fusion: str | None,
    discard: float | None,
) -> Heads | Rollout:
    """Make the probe, and refuse options of the other one."""
    from vitonnx.probes import Heads, Rollout

    foreign: dict[str, dict[str, object]] = {
        "heads": {"--fusion": fusion, "--discard": discard},
        "rollout": {"--block": block, "--query": query},
    }
    if name not in foreign:
        raise UsageError(f"--probe {name!r} is unknown; use heads or rollout.")
    for option, value in foreign[name].items():
        if value is not None:
            raise UsageError(f"{option} has no meaning for the probe {name}: leave it out.")
    if name == "heads":
        return Heads(block=-1 if block is None else block, query=parse_query(query))
    # Rollout refuses any other word itself, with the list of those there are.
    return Rollout(fusion=cast("Fusion", fusion or "mean"), discard=discard or 0.0)


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
