"""From a video to a video of maps, with real models: each frame against the engine's own answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from media.video_files import Pixels, even, frames, look, uneven, write_exactly, write_video
from vitonnx.engine import Engine
from vitonnx.errors import PictureError, UsageError, VideoError, VitonnxError
from vitonnx.media.videos import Frame, open_video
from vitonnx.plots import Scale, VideoColours
from vitonnx.video import VideoOptions, at_shape_of, probe_video

Exported = Callable[[str], Path]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 19 frames whose brightness changes, at uneven times."""
    pictures = [
        (picture * (0.4 + 0.6 * (index % 5) / 4)).astype(np.uint8)
        for index, picture in enumerate(frames(19, 82, 148))
    ]
    path = tmp_path_factory.mktemp("videos") / "video.mkv"
    return write_exactly(path, pictures, uneven(19, 1000), clock=1000, sound="aac")


def whole(file: Path, path: Path) -> Engine:
    return at_shape_of(Engine(file, device="cpu"), open_video(path).size)


def pixels_of(path: Path) -> list[Pixels]:
    return [frame.pixels for frame in open_video(path).read()]


def mean_maps(engine: Engine, path: Path) -> NDArray[np.float32]:
    """The mean of the heads of every frame, one frame at a time."""
    found = [engine.probe(picture, vx.Heads())[0].mean for picture in pixels_of(path)]
    return np.stack(found)


def expected(
    path: Path, maps: NDArray[np.float32], scales: list[Scale], colours: VideoColours
) -> list[Pixels]:
    return [
        np.asarray(colours.draw(Image.fromarray(picture), values, scale))
        for picture, values, scale in zip(pixels_of(path), maps, scales, strict=True)
    ]


def assert_looks_like(written: Pixels, wanted: Pixels) -> None:
    """H.264 stores colours at half the resolution, and loses a little."""
    assert written.shape == wanted.shape
    assert np.abs(written.astype(int) - wanted).mean() < 5


def test_the_whole_frame_is_seen_in_its_shape(exported: Exported, video: Path) -> None:
    engine = whole(exported("plain"), video)
    assert engine.manifest.size == (40, 72)  # 40 * 148 / 82 is 72.2
    result = next(engine.stream([pixels_of(video)[0]], [vx.Heads()]))
    assert result.crop == (0, 0, 148, 82)


@pytest.mark.parametrize("scale", ["video", "frame", "fixed"])
@pytest.mark.parametrize("kind", ["plain", "registers", "pooled", "distilled"])
def test_every_frame_is_drawn_as_the_engine_sees_it(
    kind: str, scale: str, exported: Exported, video: Path, tmp_path: Path
) -> None:
    engine = whole(exported(kind), video)
    colours = VideoColours("heatmap", "gray")
    options = VideoOptions(scale=scale, colours=colours)  # type: ignore[arg-type]
    report = probe_video(open_video(video), [engine], vx.Heads(), tmp_path / "o.mp4", options)
    assert (report.frames, report.sound, report.lost) == (19, None, None)
    maps = mean_maps(engine, video)
    scales = {
        "video": [Scale.over(maps)] * 19,
        "frame": [Scale.over(each) for each in maps],
        "fixed": [Scale(0, 10 / 45, True)] * 19,
    }[scale]
    written = look(tmp_path / "o.mp4")
    for picture, wanted in zip(
        written.pictures, expected(video, maps, scales, colours), strict=True
    ):
        assert_looks_like(picture, wanted)
    assert max(abs(a - b) for a, b in zip(written.times, look(video).times, strict=True)) < 1e-3
    assert written.sound == look(video).sound


def test_one_scale_for_the_whole_video(exported: Exported, video: Path, tmp_path: Path) -> None:
    """With a scale of its own, the brightest patch of every frame has the last colour."""
    engine = whole(exported("plain"), video)
    brightest = {}
    for scale in ("video", "frame"):
        options = VideoOptions(
            scale=scale,
            colours=VideoColours("heatmap", "gray"),
        )
        probe_video(open_video(video), [engine], vx.Heads(block=0), tmp_path / "o.mp4", options)
        brightest[scale] = [int(picture.max()) for picture in look(tmp_path / "o.mp4").pictures]
    assert min(brightest["frame"]) > 248
    assert min(brightest["video"]) < max(brightest["video"]) - 3


def test_smoothing_averages_over_time(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)
    colours = VideoColours("heatmap", "gray")
    options = VideoOptions(smooth=5, colours=colours)
    probe_video(open_video(video), [engine], vx.Heads(), tmp_path / "o.mp4", options)
    maps = mean_maps(engine, video)
    means = np.stack([maps[max(0, i - 2) : i + 3].mean(axis=0) for i in range(19)])
    wanted = expected(video, means, [Scale.over(means)] * 19, colours)
    for picture, one in zip(look(tmp_path / "o.mp4").pictures, wanted, strict=True):
        assert_looks_like(picture, one)


def test_rollout(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)
    colours = VideoColours("overlay")
    probe = vx.Rollout(fusion="max", discard=0.3)
    probe_video(
        open_video(video), [engine], probe, tmp_path / "o.mp4", VideoOptions(colours=colours)
    )
    maps = np.stack([engine.probe(p, probe)[0].rollout for p in pixels_of(video)])
    scales = [Scale.over(maps, low=float(maps.min()))] * 19
    wanted = expected(video, maps, scales, colours)
    for picture, one in zip(look(tmp_path / "o.mp4").pictures, wanted, strict=True):
        assert_looks_like(picture, one)


def test_two_models_side_by_side(exported: Exported, video: Path, tmp_path: Path) -> None:
    engines = [whole(exported(kind), video) for kind in ("plain", "registers")]
    colours = VideoColours("heatmap", "gray")
    options = VideoOptions(colours=colours)
    probe_video(open_video(video), engines, vx.Heads(), tmp_path / "o.mp4", options)
    written = look(tmp_path / "o.mp4").pictures
    height, width, _ = written[0].shape
    top = height - 82
    assert width == 3 * 148 + 2 * 2
    assert top > 10
    for picture, original in zip(written, pixels_of(video), strict=True):
        assert np.abs(picture[top:, :148].astype(int) - original).mean() < 6
    for left, engine in zip((150, 300), engines, strict=True):
        maps = mean_maps(engine, video)
        wanted = expected(video, maps, [Scale.over(maps)] * 19, colours)
        for picture, one in zip(written, wanted, strict=True):
            assert_looks_like(picture[top:, left : left + 148], one)


def test_a_mosaic_of_all_heads(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)
    for head in ("all", 2):
        options = VideoOptions(
            head=head,
            colours=VideoColours("heatmap", "gray"),
        )
        probe_video(open_video(video), [engine], vx.Heads(), tmp_path / f"{head}.mp4", options)
    mosaic, alone = (look(tmp_path / f"{head}.mp4").pictures[7] for head in ("all", "2"))
    assert mosaic.shape[1] == 3 * 148 + 2 * 2
    assert alone.shape == (82, 148, 3)
    maps = np.stack([engine.probe(p, vx.Heads())[0].attention for p in pixels_of(video)])
    scale = Scale.over(maps[:, 2])
    (wanted,) = expected_at(video, 7, maps[7, 2], scale)
    assert_looks_like(alone, wanted)
    (wanted,) = expected_at(video, 7, maps[7, 2], Scale.over(maps))
    assert_looks_like(mosaic[-82:, -148:], wanted)


def expected_at(path: Path, frame: int, values: NDArray[np.float32], scale: Scale) -> list[Pixels]:
    picture = Image.fromarray(pixels_of(path)[frame])
    return [np.asarray(VideoColours("heatmap", "gray").draw(picture, values, scale))]


@pytest.mark.parametrize("count", [1, 2, 100])
def test_videos_of_any_length(count: int, exported: Exported, tmp_path: Path) -> None:
    path = write_video(tmp_path / "f.mp4", frames(count), sound="aac")
    engine = whole(exported("plain"), path)
    report = probe_video(
        open_video(path), [engine], vx.Heads(), tmp_path / "o.mp4", VideoOptions(smooth=9)
    )
    written = look(tmp_path / "o.mp4")
    assert report.frames == len(written.times) == count
    assert max(abs(a - b) for a, b in zip(written.times, even(count), strict=True)) < 1e-3


def test_a_watcher_sees_both_passes(exported: Exported, video: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int | None, int]] = []

    def watch(items, *, total, label):  # type: ignore[no-untyped-def]
        count = 0
        for item in items:
            count += 1
            yield item
        seen.append((label, total, count))

    engine = whole(exported("plain"), video)
    probe_video(open_video(video), [engine], vx.Heads(), tmp_path / "o.mp4", watch=watch)
    assert [(label, count) for label, _, count in seen] == [("Looking", 19), ("Drawing", 19)]


def interrupted_at(count: int, wanted: str):  # type: ignore[no-untyped-def]
    def watch(items, *, total, label):  # type: ignore[no-untyped-def]
        for number, item in enumerate(items):
            if label == wanted and number == count:
                raise KeyboardInterrupt
            yield item

    return watch


@pytest.mark.parametrize("scale", ["video", "fixed"])
def test_ctrl_c_while_drawing(scale: str, exported: Exported, video: Path, tmp_path: Path) -> None:
    (tmp_path / "o.mp4").write_text("older")
    engine = whole(exported("plain"), video)
    with pytest.raises(KeyboardInterrupt):
        probe_video(
            open_video(video),
            [engine],
            vx.Heads(),
            tmp_path / "o.mp4",
            VideoOptions(scale=scale),  # type: ignore[arg-type]
            watch=interrupted_at(11, "Drawing"),
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["o.mp4", "o.partial.mp4"]
    assert (tmp_path / "o.mp4").read_text() == "older"
    written = look(tmp_path / "o.partial.mp4")
    # What was being written meanwhile is written.
    assert 11 <= len(written.pictures) < 19
    assert written.times == look(video).times[: len(written.times)]
    assert 0 < len(written.sound) < len(look(video).sound)
    time.sleep(0.02)  # a thread that has ended its work may take a moment to be gone
    assert not [t for t in threading.enumerate() if t.name == "vitonnx-video"]


def test_ctrl_c_before_drawing(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)
    with pytest.raises(KeyboardInterrupt):
        probe_video(
            open_video(video),
            [engine],
            vx.Heads(),
            tmp_path / "o.mp4",
            watch=interrupted_at(5, "Looking"),
        )
    assert list(tmp_path.iterdir()) == []


def test_what_can_not_be(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)

    def refused(kind: type[VitonnxError], reason: str, probe, **options):  # type: ignore[no-untyped-def]
        with pytest.raises(kind, match=reason):
            probe_video(
                open_video(video), [engine], probe, tmp_path / "o.mp4", VideoOptions(**options)
            )
        assert list(tmp_path.iterdir()) == []

    refused(UsageError, "no head 3; it has heads 0 to 2", vx.Heads(), head=3)
    refused(UsageError, "no block 9", vx.Heads(block=9))
    refused(UsageError, "rollout has one map of all heads", vx.Rollout(), head="all")
    refused(UsageError, "distance gives no maps", vx.Distance())
    refused(PictureError, "lies outside", vx.Heads(query=(500, 3)))
    with pytest.raises(UsageError, match="at least one model"):
        probe_video(open_video(video), [], vx.Heads(), tmp_path / "o.mp4")
    with pytest.raises(UsageError, match="nearest multiple is 48x88"):
        at_shape_of(Engine(exported("plain")), (82, 148), short_side=47)
    with pytest.raises(UsageError, match="at least one patch"):
        at_shape_of(Engine(exported("plain")), (82, 148), short_side=0)


def test_a_video_that_changes_meanwhile(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)

    class Growing:
        """Longer each time it is read."""

        def __init__(self) -> None:
            self._video, self._longer = open_video(video), 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._video, name)

        def read(self):  # type: ignore[no-untyped-def]
            self._longer += 1
            yield from self._video.read()
            for index in range(self._longer):
                yield Frame(pixels_of(video)[0], Fraction(90 + index), Fraction(1))

    with pytest.raises(VideoError, match="changed while it was read"):
        probe_video(Growing(), [engine], vx.Heads(), tmp_path / "o.mp4")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
