"""From a video to a video of maps, as the command ``vitonnx probe video`` makes it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from vitonnx.engine import Engine
    from vitonnx.manifest import Fit
    from vitonnx.media import Notice
    from vitonnx.media.videos import Video
    from vitonnx.plots import VideoStyle
    from vitonnx.probes import Probe
    from vitonnx.video import ScaleKind, VideoHead, VideoReport, Watch

__all__ = ["make_video"]


def make_video(
    video: str | Path | Video,
    engines: Engine | Sequence[Engine],
    probe: Probe[Any] | Sequence[Probe[Any]],
    path: str | Path,
    *,
    start: float | Fraction | None = None,
    end: float | Fraction | None = None,
    every: int = 1,
    rate: float | Fraction | None = None,
    max_pixels: int | None = None,
    short_side: int | None = None,
    fit: Fit | None = None,
    head: VideoHead = "mean",
    smooth: int = 1,
    scale: ScaleKind = "video",
    style: VideoStyle = "overlay",
    colormap: str = "inferno",
    opacity: float | None = None,
    titles: Sequence[str] = (),
    notice: Notice | None = None,
    watch: Watch | None = None,
) -> VideoReport:
    """Draw what probes find in every frame of a video.

    Parameters
    ----------
    video : path or Video
        A video, an animated picture, or a folder of frames; or what `open_video` gives, which has
        its span already.
    engines : Engine or sequence of Engine
        The models; several stand side by side, to the right of the original. Frames are seen
        whole, at the video's own shape, unless an engine was opened with a size.
    probe : Probe or sequence of Probe
        What gives maps, colours or classes of patches, such as `Heads`. Each has a panel.
    path : path
        The video to write, ``.mp4``.
    start, end : float, optional
        Take the frames from one time to before the other, in seconds.
    every : int
        Take every Nth frame.
    rate : float, optional
        Frames a second of a folder; 25 by default.
    max_pixels : int, optional
        Of the largest frame that is read.
    short_side : int, optional
        Of the models' input, in pixels, a multiple of the patch size.
    fit : "cut", "pad" or "squash", optional
        Keep the file's own input size, and fit frames to it.
    head, smooth, scale
        See `vitonnx.video.VideoOptions`.
    style, colormap, opacity
        See `vitonnx.plots.VideoColours`.
    titles : sequence of str, optional
        Names of the models in the video.
    notice : callable, optional
        Takes sentences that are good to know.
    watch : callable, optional
        Is given each pass over the frames, to show how far it is.

    Raises
    ------
    UsageError
        If an option can't be, the probe gives no maps, or the path can't be written.
    VitonnxError
        If the video can't be read or written, or a frame can't be probed.

    Examples
    --------
    ::

        engine = vx.Engine("dino_vits16")
        vx.make_video("walk.mp4", [engine], vx.Heads(), "walk.maps.mp4", smooth=5)
    """
    from vitonnx.engine import Engine, as_count, as_probes
    from vitonnx.filenames import as_path
    from vitonnx.media import check_writable
    from vitonnx.media.videos import Span, open_video
    from vitonnx.plots import VideoColours
    from vitonnx.video import VideoOptions, at_shape_of, fit_note, probe_video

    options = VideoOptions(
        head=head, smooth=smooth, scale=scale, colours=VideoColours(style, colormap, opacity)
    )
    given = [engines] if isinstance(engines, Engine) else engines
    if not isinstance(given, Sequence) or not all(isinstance(each, Engine) for each in given):
        raise UsageError(
            "engines must be an engine, such as vitonnx.Engine('dino_vits16'), or a list of "
            "engines: make_video takes a video, engines, a probe and a path."
        )
    probes = as_probes(probe)
    target = as_path(path, "video to write")
    if target.suffix.lower() != ".mp4":
        raise UsageError(f"can't write {target}: the suffix of a video must be .mp4.")
    if titles and (not isinstance(titles, list | tuple) or len(titles) != len(given)):
        raise UsageError(f"titles is {titles!r}; it must be a list of one name for each engine.")
    if not isinstance(video, str | Path):
        if not hasattr(video, "sound"):
            raise UsageError(
                f"the video is given as {type(video).__name__}: give a path, or what `open_video` "
                "gives."
            )
        opened = video
        check_writable(target, [opened.name])
        if (start, end, every, rate) != (None, None, 1, None):
            raise UsageError("the video is open already: give start, end, every and rate there.")
    else:
        check_writable(target, [video])
        span = Span(start=_exact("start", start), end=_exact("end", end), every=every)
        opened = open_video(
            video,
            span,
            rate=_exact("rate", rate, least=0.01),
            max_pixels=as_count("max_pixels", max_pixels),
            notice=notice,
        )
    seeing = [at_shape_of(each, opened.size, short_side=short_side, fit=fit) for each in given]
    if fit is None and notice is not None:
        for engine in seeing:
            if (note := fit_note(engine, opened.size)) is not None:
                notice(note)
    asked = [each.in_video() for each in probes]
    for engine, each in itertools.product(seeing[:1], asked):
        advice = each.advice(engine.layout)
        if each not in probes and advice is not None and notice is not None:
            notice(advice)
    rest = {} if watch is None else {"watch": watch}
    return probe_video(opened, seeing, asked, target, options, titles=titles, **rest)


def _exact(name: str, number: float | Fraction | None, least: float = 0) -> Fraction | None:
    """Give seconds, or frames a second, as a fraction."""
    if number is None:
        return None
    if not isinstance(number, Real) or not least <= number < math.inf:
        raise UsageError(f"{name} is {number!r}; it must be a number of at least {least}.")
    return Fraction(number).limit_denominator(1_000_000)
