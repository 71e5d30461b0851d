"""Several probes in one video, and colours and classes: each panel against what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vitonnx as vx
from media.video_files import Pixels, even, frames, look, write_video
from recipes import unresizable
from video.small_probes import Small, SmallResult, Tints, Winner, heads_of
from vitonnx.engine import Engine
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.layout import Layout
from vitonnx.media.videos import Frame, open_video
from vitonnx.plots import Legend, Scale, VideoColours, colours_of, scale_of_stream
from vitonnx.probes import PCA, Array, ClassMaps, ColourMaps, Maps, Probe
from vitonnx.video import VideoOptions, at_shape_of, probe_video
from vitonnx.video._fit import Cover
from vitonnx.video._probe_video import _panels

Exported = Callable[[str], Path]
Draw = Callable[..., list[Pixels]]

HEAT = VideoColours("heatmap")
SIZE = (82, 148)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 7 frames whose brightness changes."""
    pictures = [
        (picture * (0.4 + 0.6 * (index % 5) / 4)).astype(np.uint8)
        for index, picture in enumerate(frames(7, *SIZE))
    ]
    return write_video(tmp_path_factory.mktemp("videos") / "video.mp4", pictures, even(7))


def whole(file: Path, path: Path) -> Engine:
    return at_shape_of(Engine(file, device="cpu"), open_video(path).size)


def pixels_of(path: Path) -> list[Pixels]:
    return [frame.pixels for frame in open_video(path).read()]


def findings(engine: Engine, path: Path, probe: Probe[Any]) -> list[Any]:
    """Of every frame, one frame at a time."""
    return [engine.probe(pixels, probe)[0].finding for pixels in pixels_of(path)]


def panels_of(written: Pixels, count: int, above: int = 0) -> list[Pixels]:
    """Cut the panels beside the original out of a frame."""
    height, width = SIZE
    lefts = [(place + 1) * (width + 2) for place in range(count)]
    return [written[above : above + height, left : left + width] for left in lefts]


class Recorder:
    """Keeps the frames that are to be written; H.264 would lose some of their colours."""

    frames: ClassVar[list[Pixels]] = []

    def __init__(self, path: Path, **_: object) -> None:
        path.touch()
        self.frames.clear()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, frame: Frame) -> None:
        self.frames.append(frame.pixels.copy())


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Draw:
    """Draw a video, and give its frames."""
    monkeypatch.setattr("vitonnx.video._probe_video.VideoWriter", Recorder)

    def draw(
        path: Path, engines: Sequence[Engine], *probes: Probe[Any], **how: Any
    ) -> list[Pixels]:
        options = VideoOptions(colours=HEAT, **how)
        report = probe_video(open_video(path), engines, probes, tmp_path / "o.mp4", options)
        assert report.frames == len(Recorder.frames)
        assert [file.name for file in tmp_path.glob("*.mp4")] == ["o.mp4"]  # no spool is left
        return list(Recorder.frames)

    return draw


def assert_same(drawn: NDArray[Any], wanted: NDArray[Any]) -> None:
    """Batches of other sizes differ in the last digits, and so by a level at most."""
    assert drawn.shape == wanted.shape
    assert np.abs(drawn.astype(int) - wanted.astype(int)).max() <= 2


def wanted_of(path: Path, frame: int, values: Any, key: Any) -> Pixels:
    return np.asarray(HEAT.draw(Image.fromarray(pixels_of(path)[frame]), values, key))


def scale_of(values: Sequence[NDArray[Any]], low: float | None = 0.0) -> Scale:
    """Give the scale of a video, or of one frame."""
    if len(values) > 1:
        return scale_of_stream(lambda: values, low=low)
    return Scale.over(values[0], low=float(values[0].min()) if low is None else low)


def tinted(finding: ColourMaps) -> NDArray[np.float32]:
    colours = colours_of(finding)
    colours[..., :3] *= colours[..., 3:]
    return colours


@pytest.mark.parametrize("scale", ["video", "frame"])
def test_each_probe_has_its_panel(scale: str, exported: Exported, video: Path, drawn: Draw) -> None:
    engine = whole(exported("plain"), video)
    asked: list[list[str]] = []
    stream = engine.stream

    def counted(images: Any, probes: Sequence[Probe[Any]], **rest: Any) -> Any:
        asked.append([probe.name for probe in probes])
        return stream(images, probes, **rest)

    engine.stream = counted  # type: ignore[method-assign]
    probes = (vx.Heads(), Tints(), Winner(), vx.Rollout())
    pictures = drawn(video, [engine], *probes, scale=scale)
    assert asked == [["heads", "tints", "winner", "rollout"]]  # one pass for all
    del engine.stream
    heads = [found.values[0] for found in findings(engine, video, vx.Heads())]
    tints = findings(engine, video, Tints())
    winners = [found.values[0] for found in findings(engine, video, Winner())]
    rolled = [found.values[0] for found in findings(engine, video, vx.Rollout())]
    (legend,) = Legend.of_models([(winners, Winner().names)])
    every = scale == "video"
    for number, written in enumerate(pictures):
        assert written.shape[1] == 5 * 148 + 4 * 2
        head, tint, winner, roll = panels_of(written, 4, above=17)
        seen = heads if every else heads[number : number + 1]
        assert_same(head, wanted_of(video, number, heads[number], scale_of(seen)))
        assert_same(tint, wanted_of(video, number, tinted(tints[number]), None))
        assert_same(winner, wanted_of(video, number, winners[number], legend))
        seen = rolled if every else rolled[number : number + 1]
        scale_ = scale_of(seen, low=None)
        assert_same(roll, wanted_of(video, number, rolled[number], scale_))


def test_titles_say_which_model_and_which_probe(exported: Exported, video: Path) -> None:
    one, other = (whole(exported(kind), video) for kind in ("plain", "registers"))
    opened = open_video(video)
    both: list[Probe[Any]] = [vx.Heads(), Tints()]

    def titles(engines: list[Engine], probes: list[Probe[Any]]) -> list[list[str]]:
        names = ["dino", "deit"][: len(engines)]
        models = _panels(opened, engines, probes, VideoOptions(), names)
        return [[panel.title for panel in own] for own in models]

    assert titles([one], [vx.Heads()]) == [[""]]
    assert titles([one], both) == [["heads", "tints"]]
    assert titles([one, other], [vx.Heads()]) == [["dino"], ["deit"]]
    assert titles([one, other], both) == [
        ["dino · heads", "dino · tints"],
        ["deit · heads", "deit · tints"],
    ]


def test_a_class_has_one_colour_in_all_panels(exported: Exported, video: Path, drawn: Draw) -> None:
    engines = [whole(exported(kind), video) for kind in ("plain", "registers")]
    pictures = drawn(video, engines, Winner())
    winners = [[found.values[0] for found in findings(e, video, Winner())] for e in engines]
    legends = Legend.of_models([(each, Winner().names) for each in winners])
    assert len({legend.classes for legend in legends}) == 1
    for number, written in enumerate(pictures):
        panels = panels_of(written, 2, above=17)
        for panel, own, legend in zip(panels, winners, legends, strict=True):
            assert_same(panel, wanted_of(video, number, own[number], legend))


def test_classes_alone_have_their_legend_below(
    exported: Exported, video: Path, drawn: Draw
) -> None:
    engine = whole(exported("plain"), video)
    one, two, three = (
        np.array(drawn(video, [engine], Winner(), scale=scale))
        for scale in ("video", "frame", "fixed")  # which are about numbers
    )
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)
    assert one.shape[2] == 148
    assert one.shape[1] > 82 + 10
    legend = one[:, 84:]
    assert np.ptp(legend) > 150  # words
    np.testing.assert_array_equal(legend, np.broadcast_to(legend[:1], legend.shape))


def test_equal_patches_have_equal_colours_in_all_frames(
    exported: Exported, drawn: Draw, tmp_path: Path
) -> None:
    """Frames that are alike look alike, whatever else the video shows."""
    dark, bright = frames(1, *SIZE)[0] // 3, frames(2, *SIZE)[1]
    videos = []
    for name, shown in (("a", [dark, dark, dark]), ("b", [bright, dark, bright])):
        folder = tmp_path / name
        folder.mkdir()
        for number, pixels in enumerate(shown):
            Image.fromarray(pixels).save(folder / f"{number}.png")
        videos.append(drawn(folder, [whole(exported("plain"), folder)], Tints()))
    (same, again, _), (other, alike, _) = videos
    np.testing.assert_array_equal(again, same)
    assert_same(alike, same)
    assert np.abs(other.astype(int) - same).mean() > 6


def test_colours_are_averaged_and_classes_are_not(
    exported: Exported, video: Path, drawn: Draw
) -> None:
    engine = whole(exported("plain"), video)
    tints = np.stack([tinted(found) for found in findings(engine, video, Tints())])
    winners = [found.values[0] for found in findings(engine, video, Winner())]
    (legend,) = Legend.of_models([(winners, Winner().names)])
    for number, written in enumerate(drawn(video, [engine], Tints(), Winner(), smooth=3)):
        tint, winner = panels_of(written, 2, above=17)
        mean = tints[max(0, number - 1) : number + 2].mean(axis=0)
        assert_same(tint, wanted_of(video, number, mean, None))
        assert_same(winner, wanted_of(video, number, winners[number], legend))


def test_the_head_is_of_those_that_have_heads(exported: Exported, video: Path, drawn: Draw) -> None:
    engine = whole(exported("plain"), video)
    head, tint = panels_of(drawn(video, [engine], vx.Heads(), Tints(), head=2)[3], 2, above=17)
    heads = [found.values[3] for found in findings(engine, video, vx.Heads())]
    assert_same(head, wanted_of(video, 3, heads[3], scale_of(heads)))
    found = findings(engine, video, Tints())[3]
    assert_same(tint, wanted_of(video, 3, tinted(found), None))
    mosaic = drawn(video, [engine], vx.Heads(), Tints(), head="all")[3]
    assert_same(mosaic[34 : 34 + 82, -148:], wanted_of(video, 3, tinted(found), None))
    for asked in ("all", 0):
        with pytest.raises(UsageError, match="tints and winner have one map of all heads"):
            drawn(video, [engine], Tints(), Winner(), head=asked)
    with pytest.raises(UsageError, match="no head 3; it has heads 0 to 2"):
        drawn(video, [engine], Tints(), vx.Heads(), head=3)


@pytest.mark.parametrize("probe", [Tints(), Winner()])
def test_padded_models(probe: Any, exported: Exported, drawn: Draw, tmp_path: Path) -> None:
    path = write_video(tmp_path / "wide.mkv", frames(3, 46, 106), even(3))
    fixed = unresizable(exported("plain"), tmp_path / "fixed.onnx")
    size = open_video(path).size
    engine = at_shape_of(Engine(fixed, device="cpu"), size)
    cover = Cover.of(engine, size)
    assert cover.shape != engine.layout.grid
    found = findings(engine, path, probe)
    if isinstance(probe, Tints):
        values, key = [cover.cut(tinted(each)[None])[0] for each in found], None
    else:
        values = [cover.cut(each.values)[0] for each in found]
        (key,) = Legend.of_models([(values, probe.names)])
    for pixels, own, written in zip(
        pixels_of(path), values, drawn(path, [engine], probe), strict=True
    ):
        wanted = HEAT.draw(Image.fromarray(pixels), own, key, cover.box)
        assert_same(written[:46], np.asarray(wanted))


def test_a_probe_is_fitted_on_all_frames_of_each_model(
    exported: Exported, video: Path, drawn: Draw, tmp_path: Path
) -> None:
    engines = [whole(exported(kind), video) for kind in ("plain", "registers")]
    pictures = drawn(video, engines, PCA(), vx.Heads())
    bases = [engine.fitted(pixels_of(video), PCA()) for engine in engines]
    for number, written in enumerate(pictures):
        first, _, second, _ = panels_of(written, 4, above=17)
        for panel, engine, basis in zip((first, second), engines, bases, strict=True):
            (found,) = engine.probe([pixels_of(video)[number]], basis)
            assert_same(panel, wanted_of(video, number, tinted(found.finding), None))
    seen: list[tuple[str, int]] = []

    def watch(items, *, total, label):  # type: ignore[no-untyped-def]
        seen.append((label, 0))
        for count, item in enumerate(items, start=1):
            seen[-1] = label, count
            yield item

    probe_video(open_video(video), engines[:1], PCA(), tmp_path / "o.mp4", watch=watch)
    assert set(seen) == {("Fitting", 7), ("Drawing", 7)}  # nothing else depends on the whole video


def test_they_survive_being_written(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)
    report = probe_video(
        open_video(video), [engine], [Tints(), Winner(), vx.Heads()], tmp_path / "o.mp4"
    )
    written = look(tmp_path / "o.mp4")
    assert (report.frames, len(written.pictures)) == (7, 7)
    assert written.pictures[0].shape[1] == 4 * 148 + 3 * 2


@dataclass(frozen=True)
class Either(Small):
    """Classes by default, and numbers where it is asked for them."""

    name: ClassVar[str] = "either"
    gives = ClassMaps
    numbers: bool = False

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[SmallResult]:
        if not self.numbers:
            return Winner().compute(outputs, layout, queries)
        return [
            SmallResult(found=Maps(values=heads[:1], labels=("first",), unit="share"))
            for heads in heads_of(outputs, layout)
        ]


def test_a_probe_of_two_shapes(exported: Exported, video: Path, drawn: Draw) -> None:
    engine, numbers = whole(exported("plain"), video), Either(numbers=True)
    values = [found.values[0] for found in findings(engine, video, numbers)]
    written = drawn(video, [engine], numbers)
    assert_same(written[4], wanted_of(video, 4, values[4], scale_of(values)))
    assert drawn(video, [engine], Either())[0].shape[0] > 82  # a legend
    with pytest.raises(UsageError, match="no shares of a whole"):
        drawn(video, [engine], numbers, scale="fixed")


@dataclass(frozen=True)
class Cropped(Small):
    """Colours of a grid that isn't the model's."""

    name: ClassVar[str] = "cropped"
    gives = ColourMaps

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[SmallResult]:
        values, spread = np.zeros((2, 2, 3)), np.ones(3)
        found = ColourMaps(values=values, spread=spread, label="cropped")
        return [SmallResult(found=found) for _ in queries]


@dataclass(frozen=True)
class Still(Tints):
    """Not made for videos."""

    name: ClassVar[str] = "still"
    in_videos: ClassVar[bool] = False


def test_what_can_not_be(exported: Exported, video: Path, tmp_path: Path) -> None:
    engine = whole(exported("plain"), video)

    def refused(kind: type[VitonnxError], reason: str, *probes: Probe[Any]) -> None:
        with pytest.raises(kind, match=reason):
            probe_video(open_video(video), [engine], probes, tmp_path / "o.mp4")
        assert list(tmp_path.iterdir()) == []

    refused(UsageError, "at least one model and one probe")
    refused(UsageError, "the maps of still are not made for videos", vx.Heads(), Still())
    refused(UsageError, "distance gives no maps", Tints(), vx.Distance())
    refused(UsageError, "heads is there 2 times", vx.Heads(), vx.Heads(block=0))
    refused(VitonnxError, "cropped found no maps of shape", vx.Heads(), Cropped())
