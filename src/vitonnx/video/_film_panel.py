"""What one model and one probe have in every frame of a video."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Engine
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.probes import Finding, Maps, Probe
from vitonnx.video._fit import Cover
from vitonnx.video._shapes import SHAPES, Shape
from vitonnx.video._video_options import VideoHead, VideoOptions

__all__ = ["FilmPanel", "require_maps"]


@dataclass(frozen=True, kw_only=True)
class FilmPanel:
    """A question to a model, and what of the answer is drawn.

    Parameters
    ----------
    engine, probe
        Who is asked what.
    cover : Cover
        Where the answer lies on a frame.
    gives : type
        Shape of the answer: the usual one of the probe, or, once it is known, that of its findings.
    title : str
        Above it; empty for none.
    head : int, "mean" or "all"
        Which part of the answer is drawn; "mean" where it has no parts.
    """

    engine: Engine
    probe: Probe[Any]
    cover: Cover
    gives: type[Finding]
    title: str
    head: VideoHead

    @property
    def shape(self) -> Shape:
        """What a video does with such findings."""
        return SHAPES[self.gives]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts of the answer."""
        return self.probe.parts(self.engine.layout)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of those that are drawn, where there are several."""
        return self.parts if self.head == "all" else ("",)

    @property
    def query(self) -> tuple[int, int] | None:
        """The patch that is asked, where it is one."""
        return self.cover.query(self.engine, self.probe)

    @property
    def record(self) -> np.dtype[Any]:
        """Type of what `take` gives, as a whole."""
        shape = (len(self.labels), *self.cover.shape, *self.shape.channels)
        return np.dtype((self.shape.number, shape))

    def take(self, finding: Finding) -> NDArray[Any]:
        """Take what is drawn of a finding, without the padding."""
        wanted = (len(self.parts) + 1, *self.engine.layout.grid)
        values = self.shape.arrays(finding) if isinstance(finding, self.gives) else None
        if values is None or values.shape[:3] != wanted:
            raise VitonnxError(
                f"the probe {self.probe.name} found no maps of shape {wanted} in a frame: one for "
                "all and one for each of its parts, over the model's patches."
            )
        if self.head == "all":
            return self.cover.cut(values[1:])
        part = 0 if self.head == "mean" else 1 + self.head
        return self.cover.cut(values[part : part + 1])

    def fitted(self, frames: Any) -> FilmPanel:
        """Give the panel of a probe that knows all it must know of the video."""
        stage = self.probe.fit_stage(self.engine.layout)
        if stage is None or stage is self.probe:  # that learns what no video shows
            return self
        return replace(self, probe=self.engine.fitted(frames, self.probe))

    def seen(self, finding: Finding, options: VideoOptions) -> FilmPanel:
        """Give the panel of such findings: some probes have several shapes."""
        panel = replace(self, gives=type(finding)) if type(finding) in SHAPES else self
        panel.check(options)
        return panel

    def check(self, options: VideoOptions) -> None:
        """Raise a UsageError for what can't be."""
        self.engine.reads_of(self.probe)
        if options.scale == "fixed" and self.gives is Maps and not self.probe.shares:
            raise UsageError(
                f"the maps of {self.probe.name} are no shares of a whole, which the fixed scale is "
                "made for: use the scale video or frame."
            )
        if isinstance(self.head, int) and not 0 <= self.head < len(self.parts):
            raise UsageError(
                f"{self.engine.manifest.name} has no head {self.head}; it has heads 0 to "
                f"{len(self.parts) - 1}."
            )


def require_maps(probe: Probe[Any]) -> None:
    """Raise a UsageError unless a probe gives what lies on the frames of a video."""
    if getattr(probe, "gives", None) not in SHAPES:
        raise UsageError(f"{probe.name} gives no maps, and a video is made of maps: ask another.")
    if not getattr(probe, "in_videos", True):
        raise UsageError(f"the maps of {probe.name} are not made for videos: ask another.")
