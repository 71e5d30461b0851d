"""A video of maps, from MP4 to MP4, against inference of its frames alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.models import model_file
from benchmarks.timing import interleave
from vitonnx.data.scenes import draw_video
from vitonnx.engine import Engine, prepare
from vitonnx.media import open_picture
from vitonnx.media.videos import Frame, VideoWriter, open_video
from vitonnx.probes import Heads, Rollout
from vitonnx.video import at_shape_of, probe_video

FRAMES, SIZE, RATE = 24, (480, 640), 25


def measure(short: str, *, rounds: int, device: str) -> list[list[str]]:
    """Give a row a way: name, frames a second, ratio to inference, spread."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "video.mp4", Path(folder) / "maps.mp4"
        _write(source)
        video = open_video(source)
        engine = at_shape_of(Engine(model_file(short), device=device), video.size)
        recipe = engine.manifest.preprocessing
        pixels = np.stack(
            [prepare(open_picture(frame.pixels), recipe).pixels for frame in video.read()]
        )
        last = "logits" if "logits" in engine.outputs else "embedding"
        ways: dict[str, Callable[[], object]] = {
            "inference of its frames, ready in memory": partial(engine.run_pixels, pixels, [last])
        }
        for probe in (Heads(), Rollout()):
            ways[f"probe video {probe.name}"] = partial(probe_video, video, [engine], probe, target)
        times = interleave(ways, rounds)
    base, *_ = times.values()
    return [
        [
            f"{short} {name}",
            f"{FRAMES / each.median:.1f}",
            f"{base.median / each.median:.2f}",
            f"{each.spread:.0%}",
        ]
        for name, each in times.items()
    ]


def _write(path: Path) -> None:
    with VideoWriter(path, rate=Fraction(RATE), ticks=RATE, sound=None) as writer:
        for number, scene in enumerate(draw_video(0, FRAMES, SIZE)):
            writer.write(Frame(scene.picture, Fraction(number, RATE), Fraction(1, RATE)))
