"""How a video of maps is made."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Integral
from typing import Literal, TypeAlias, get_args

from vitonnx.errors import UsageError
from vitonnx.plots import VideoColours

__all__ = ["ScaleKind", "VideoHead", "VideoOptions"]

ScaleKind = Literal["video", "frame", "fixed"]
VideoHead: TypeAlias = int | Literal["mean", "all"]


@dataclass(frozen=True, kw_only=True)
class VideoOptions:
    """How the maps of a video are chosen, scaled and drawn.

    Parameters
    ----------
    head : int, "mean" or "all"
        Of probes with a map for each head: one head, their mean, or a mosaic of all.
    smooth : int
        Frames of the temporal moving average, half of them before a frame and half after it; 1 is
        none. At both ends of the video the mean is over the frames that there are.
    scale : "video", "frame" or "fixed"
        From values to colours, for each model: one scale for the whole video, one for each frame
        (which flickers), or one that is the same in every video: from 0 to `EVEN_SHARES` times what
        each patch has where attention is even.
    colours : VideoColours
        How they are drawn.

    Raises
    ------
    UsageError
        If an option is out of its range.
    """

    head: VideoHead = "mean"
    smooth: int = 1
    scale: ScaleKind = "video"
    colours: VideoColours = field(default_factory=VideoColours)

    def __post_init__(self) -> None:
        if self.head not in ("mean", "all") and type(self.head) is not int:
            raise UsageError(f"head is {self.head!r}; it must be mean, all or a number from 0.")
        if not isinstance(self.smooth, Integral) or self.smooth < 1:
            raise UsageError(f"smooth is {self.smooth!r}; it must be 1 frame or more.")
        if self.scale not in get_args(ScaleKind):
            raise UsageError(
                f"scale {self.scale!r} is unknown; use {', '.join(get_args(ScaleKind))}."
            )
