"""Videos on models that take one size, and where their maps lie on the frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitonnx as vx
from media.video_files import even, frames, look, write_exactly
from recipes import unresizable
from vitonnx.engine import Engine
from vitonnx.errors import PictureError, UsageError
from vitonnx.media.videos import open_video
from vitonnx.plots import Scale, VideoColours
from vitonnx.video import VideoOptions, at_shape_of, fit_note, probe_video
from vitonnx.video._fit import Cover

Exported = Callable[[str], Path]

FRAME = (46, 106)


@pytest.fixture(scope="module")
def fixed(exported: Exported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unresizable(exported("plain"), tmp_path_factory.mktemp("fixed") / "fixed.onnx")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "video.mkv"
    return write_exactly(path, frames(5, *FRAME), even(5))


def test_which_size_and_fit_is_chosen(exported: Exported, fixed: Path) -> None:
    free = at_shape_of(Engine(exported("plain"), device="cpu"), FRAME)
    assert free.manifest.size == (40, 96)
    assert fit_note(free, FRAME) is None
    padded = at_shape_of(Engine(fixed, device="cpu"), FRAME)
    assert padded.manifest.size == (40, 56)
    assert padded.manifest.preprocessing.padding is not None
    note = fit_note(padded, FRAME)
    assert note is not None
    assert "40x56" in note
    assert "46x106" in note
    # A video of the file's own shape is seen as it is.
    assert fit_note(at_shape_of(Engine(fixed, device="cpu"), (80, 112)), (80, 112)) is None
    for fit in ("cut", "pad", "squash"):
        for file in (exported("plain"), fixed):
            assert at_shape_of(Engine(file, device="cpu"), FRAME, fit=fit).manifest.size == (40, 56)
    with pytest.raises(UsageError, match="40x56"):
        at_shape_of(Engine(fixed, device="cpu"), FRAME, short_side=48)
    with pytest.raises(UsageError, match="--fit or --short-side"):
        at_shape_of(Engine(fixed, device="cpu"), FRAME, short_side=48, fit="cut")


def test_where_maps_lie(fixed: Path) -> None:
    # 46 x 106 in 40 x 56: scaled to 24 x 56, with 8 rows of padding above and below.
    padded = Cover.of(at_shape_of(Engine(fixed, device="cpu"), FRAME), FRAME)
    assert (padded.rows, padded.columns) == (slice(1, 4), slice(0, 7))
    assert padded.box == pytest.approx((0, 0, 1, 1))
    cut = Cover.of(at_shape_of(Engine(fixed, device="cpu"), FRAME, fit="cut"), FRAME)
    assert cut.shape == (5, 7)
    assert cut.box == pytest.approx((0.196, 0, 0.804, 1), abs=0.01)
    tall = Cover.of(at_shape_of(Engine(fixed, device="cpu"), (106, 46)), (106, 46))
    # 17 of 56 columns are picture: parts of the third and the fifth patch, beyond its edges.
    assert tall.columns == slice(2, 5)
    assert tall.box == pytest.approx((-3 / 17, 0, 1 + 4 / 17, 1), abs=0.03)


@pytest.mark.parametrize("fit", [None, "cut", "pad", "squash"])
def test_every_frame_is_drawn_as_the_engine_sees_it(
    fit: str | None, fixed: Path, video: Path, tmp_path: Path
) -> None:
    opened = open_video(video)
    engine = at_shape_of(Engine(fixed, device="cpu"), opened.size, fit=fit)  # type: ignore[arg-type]
    colours = VideoColours("heatmap")
    options = VideoOptions(scale="fixed", colours=colours)
    query = (20, 40)
    probe = vx.Heads(query=query)
    report = probe_video(opened, [engine], probe, tmp_path / "out.mp4", options)
    assert report.padded == ((engine.manifest.name,) if fit in (None, "pad") else ())
    pixels = [frame.pixels for frame in open_video(video).read()]
    written = look(tmp_path / "out.mp4").pictures
    scale = Scale(0.0, 10 / 35, clipped=True)
    for picture, seen in zip(pixels, written, strict=True):
        (result,) = engine.probe(picture, probe)
        cover = Cover.of(engine, opened.size)
        values = cover.cut(result.mean[None])[0]
        wanted = np.asarray(colours.draw(Image.fromarray(picture), values, scale, cover.box))
        assert np.abs(seen.astype(int) - wanted)[:, :100].mean() < 14  # H.264, and the frame
    if fit == "cut":
        assert written[0][:, :18].max() < 30  # what the model doesn't see has no colours
        with pytest.raises(PictureError, match="outside the crop"):
            probe_video(opened, [engine], vx.Heads(query=(20, 3)), tmp_path / "no.mp4", options)


def test_a_map_lies_where_it_was_found() -> None:
    """One patch is hot; its colours are where it is on the frame, whatever the fit."""
    frame, scale = Image.new("RGB", (70, 40)), Scale(0.0, 1.0, clipped=False)
    colours = VideoColours("heatmap")
    values = np.zeros((4, 7), np.float32)
    values[1, 2] = 1.0
    for cover, (x, y) in {
        (0.0, 0.0, 1.0, 1.0): (25, 15),
        (0.25, 0.0, 0.75, 1.0): (30, 15),
        (-0.5, 0.0, 1.5, 1.0): (15, 15),
        (0.0, -0.5, 1.0, 1.0): (25, 2.5),
    }.items():
        drawn = np.asarray(colours.draw(frame, values, scale, cover)).sum(-1)
        rows, columns = np.nonzero(drawn > 0.9 * drawn.max())
        assert columns.mean() + 0.5 == pytest.approx(x, abs=1.1)
        assert rows.mean() + 0.5 == pytest.approx(y, abs=1.6)


def test_models_of_several_sizes(
    exported: Exported, fixed: Path, video: Path, tmp_path: Path
) -> None:
    opened = open_video(video)
    engines = [
        at_shape_of(Engine(file, device="cpu"), opened.size) for file in (exported("plain"), fixed)
    ]
    report = probe_video(
        opened, engines, vx.Rollout(), tmp_path / "out.mp4", titles=["free", "fixed"]
    )
    assert (report.frames, report.padded) == (5, ("fixed",))
    assert len(look(tmp_path / "out.mp4").pictures) == 5
