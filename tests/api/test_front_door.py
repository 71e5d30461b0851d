"""``import vitonnx as vx``: what the command line can do with a name, Python can, line by line."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

import vitonnx as vx
from media.video_files import even, frames, look, write_video
from tap.foreign_ways import WAYS
from vitonnx.cli import main
from vitonnx.errors import UsageError, VitonnxError
from vitonnx.media.videos import open_video
from vitonnx.plots._figure import ShownFigure

GRID = (6, 6)  # of scenes_vit


@pytest.fixture
def images(desk: Path) -> list[str]:
    """Names of two pictures on the desk."""
    generator = np.random.default_rng(47)
    names = ["bird.png", "cat.png"]
    for name, sides in zip(names, ((61, 83), (97, 53)), strict=True):
        Image.fromarray(generator.integers(0, 256, (*sides, 3), np.uint8)).save(name)
    return names


@pytest.fixture
def walk(desk: Path) -> str:
    write_video(desk / "walk.mp4", frames(3), even(3))
    return "walk.mp4"


@pytest.fixture
def engine() -> vx.Engine:
    return vx.Engine("scenes_vit", device="cpu")


def pixels_of(path: str) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def test_one_probe(engine: vx.Engine, images: list[str]) -> None:
    maps = engine.probe(images, vx.Rollout())
    assert [(each.rollout.shape, each.file, each.error) for each in maps] == [
        (GRID, name, None) for name in images
    ]
    assert all(each.crop is not None for each in maps)


def test_several_probes(engine: vx.Engine, images: list[str]) -> None:
    results = engine.probe(images, [vx.Heads(), vx.Rollout()])
    assert [result.file for result in results] == images
    for result in results:
        assert list(result) == ["heads", "rollout"]
        assert result.heads is result["heads"]
        assert result.heads.attention.shape == (4, *GRID)
        assert result["rollout"].rollout.shape == GRID
        assert (result.heads.file, result.heads.crop) == (result.file, result.crop)
    # Asked for alone, they find the same.
    (alone,) = engine.probe(images[0], vx.Heads())
    np.testing.assert_allclose(alone.attention, results[0].heads.attention, rtol=1e-5)


def assert_alike(one: str, other: str) -> None:
    """Compare figures, to a level of 255.

    Whether few pictures run as planned depends on the cache of plans; the numbers then agree up to
    their rounding.
    """
    levels = [pixels_of(name).astype(int) for name in (one, other)]
    assert levels[0].shape == levels[1].shape
    assert np.abs(levels[0] - levels[1]).max() <= 1


def test_a_result_draws_the_figure_of_the_command(engine: vx.Engine, images: list[str]) -> None:
    results = engine.probe(images, vx.Heads())
    results[0].plot("bird.heads.png")
    words = ["--device", "cpu", "--quiet"]
    assert main(["probe", "heads", "scenes_vit", "bird.png", "-o", "command.png", *words]) == 0
    assert_alike("bird.heads.png", "command.png")
    figure = vx.plot(results)
    figure.savefig("sheet.png")
    assert min(pixels_of("sheet.png").shape[:2]) > 200
    for suffix in (".pdf", ".svg"):
        vx.plot(results, Path(f"o{suffix}"))
        assert Path(f"o{suffix}").stat().st_size > 1000


def test_several_probes_are_drawn(engine: vx.Engine, images: list[str]) -> None:
    results = engine.probe(images, [vx.Heads(), vx.Rollout()])
    results[0].plot("one.png")
    vx.plot(results, "all.png")
    vx.plot(results, "rollout.png", probe="rollout")
    vx.plot(engine.probe(images, vx.Rollout()), "alone.png")
    assert_alike("rollout.png", "alone.png")
    assert pixels_of("all.png").shape[1] > pixels_of("rollout.png").shape[1]
    with pytest.raises(VitonnxError, match="distance"):
        vx.plot(results, probe="distance")


def test_models_side_by_side(engine: vx.Engine, images: list[str]) -> None:
    with vx.Engine("scenes_dino", device="cpu") as other:
        models = {each.manifest.name: each.probe(images, vx.Heads()) for each in (engine, other)}
    vx.plot(models, "vx.png")
    words = ["--compare", "scenes_dino", "-o", "command.png", "--device", "cpu", "--quiet"]
    assert main(["probe", "heads", "scenes_vit", *images, *words]) == 0
    assert_alike("vx.png", "command.png")


def test_results_show_themselves(engine: vx.Engine, images: list[str]) -> None:
    (heads,) = engine.probe(images[0], vx.Heads())
    (both,) = engine.probe(images[0], [vx.Heads(), vx.Rollout()])
    (mixed,) = engine.probe(images[0], [vx.Heads(), vx.Distance()])
    filters = engine.probe_weights(vx.Filters())
    sheet = vx.plot(engine.probe(images, vx.Heads()))
    table = vx.plot(next(engine.stream(images[:1], [vx.Distance()])))
    assert isinstance(sheet, ShownFigure)
    assert isinstance(table, ShownFigure)
    for shown in (heads, both, filters, sheet, table):
        png = shown._repr_png_()
        assert png is not None
        assert png.startswith(b"\x89PNG")
    for said in map(repr, (heads, both, mixed, filters)):
        assert len(said) < 1500
        assert said.count("\n") < 8
        assert "[[" not in said
        assert "array(" not in said
    assert "attention=float32 (4, 6, 6)" in repr(heads)
    # What no figure can hold shows its words: a notebook must not see an error.
    assert mixed._repr_png_() is None


def test_pixels_that_are_ready_show_no_picture(engine: vx.Engine) -> None:
    height, width = engine.manifest.size
    (result,) = engine.probe_pixels(np.zeros((1, height, width, 3), np.uint8), vx.Heads())
    assert result.pixels is None
    assert result._repr_png_() is None
    assert repr(result)


def test_an_engine_says_what_it_is(engine: vx.Engine) -> None:
    assert len(repr(engine)) < 300
    assert "scenes_vit" in repr(engine)


def test_weights(engine: vx.Engine, desk: Path) -> None:
    found = engine.probe_weights(vx.Filters(components=28))
    assert found.components is not None
    assert found.components.shape[0] == 28
    found.plot("filters.png")
    words = ["--components", "28", "-o", "command.png", "--quiet"]
    assert main(["probe", "filters", "scenes_vit", *words]) == 0
    np.testing.assert_array_equal(pixels_of("filters.png"), pixels_of("command.png"))


def test_plans_are_explained(engine: vx.Engine) -> None:
    one = engine.explain(vx.Heads())
    assert engine.explain([vx.Heads()]) == one
    both = engine.explain([vx.Heads(), vx.Rollout()])
    assert "heads" in one
    assert "rollout" not in one
    assert "rollout" in both


def test_a_video(walk: str) -> None:
    engine = vx.Engine("scenes_vit", device="cpu")
    report = vx.make_video(walk, [engine], vx.Heads(), "walk.maps.mp4")
    assert report.frames == 3
    words = ["-o", "command.mp4", "--device", "cpu", "--quiet"]
    assert main(["probe", "video", "scenes_vit", walk, *words]) == 0
    wanted = look(Path("command.mp4")).pictures
    found = look(Path("walk.maps.mp4")).pictures
    assert found[0].shape == wanted[0].shape
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(one.astype(int) - other).mean() < 1


def test_a_video_at_the_size_of_the_engine(walk: str) -> None:
    """At the video's own shape, unless the engine was opened with a size."""
    pictures = {}
    for name, size in (("own", None), ("sized", (64, 64))):
        with vx.Engine("scenes_vit", device="cpu", size=size) as engine:
            vx.make_video(walk, engine, vx.Heads(), f"{name}.mp4", style="heatmap")
        pictures[name] = look(Path(f"{name}.mp4")).pictures[0]
    # One of them has a map of another grid.
    assert (
        pictures["own"].shape != pictures["sized"].shape
        or np.abs(pictures["own"].astype(int) - pictures["sized"]).mean() > 3
    )


def test_export(desk: Path, described: Path) -> None:
    vx.export_model(config=described, weights="random", path="tiny.onnx")
    with vx.Engine("tiny.onnx", device="cpu") as engine:
        assert engine.manifest.grid == (5, 7)


def test_a_tapped_model_is_probed(desk: Path, images: list[str]) -> None:
    onnx.save(WAYS["class"].model(), "foreign.onnx")
    vx.tap_model("foreign.onnx", "ready.onnx", preprocess="imagenet")
    with vx.Engine("ready.onnx", device="cpu") as engine:
        (result,) = engine.probe(images[0], vx.Rollout())
    assert result.rollout.shape == engine.manifest.grid


def test_bake_takes_the_line_of_the_readme(engine: vx.Engine, images: list[str]) -> None:
    vx.bake(engine, [vx.Rollout()], "baked.onnx", precision="int8", calibrate=images, force=True)
    session = onnxruntime.InferenceSession("baked.onnx", providers=["CPUExecutionProvider"])
    assert [output.name for output in session.get_outputs()] == ["rollout"]


def test_the_door_lists_all_and_no_more(desk: Path) -> None:
    assert set(vx.__all__) <= set(dir(vx))
    for name in vx.__all__:
        assert getattr(vx, name) is not None
    for wanted in ("Engine", "plot", "bake", "make_video", "export_model", "tap_model"):
        assert wanted in vx.__all__
    with pytest.raises(AttributeError, match="no_such_thing"):
        getattr(vx, "no_such_thing")  # noqa: B009 - checkers know that there is none
    from vitonnx.probes import PROBES

    assert {probe.__name__ for probe in PROBES} <= set(vx.__all__)


def test_functions_survive_the_packages_of_their_names() -> None:
    """`vitonnx.export`, `.tap` and `.video` are packages, and lie over no function."""
    program = (
        "import vitonnx as vx, vitonnx.export, vitonnx.tap, vitonnx.video, vitonnx.plots, "
        "vitonnx.engine, vitonnx.probes, vitonnx.weights\n"
        "for name in vx.__all__:\n"
        "    assert callable(getattr(vx, name)) or name in ('errors', 'probes', 'ray'), name"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


VIDEOS: list[tuple[dict[str, Any], str]] = [
    ({"engines": "scenes_vit"}, "engines must be an engine"),
    ({"engines": None}, "engines must be an engine"),
    ({"engines": []}, "at least one model"),
    ({"video": 3}, "video is given as int"),
    ({"probe": []}, "at least one model and one probe"),
    ({"probe": [vx.Heads(), vx.Heads()]}, "heads is there 2 times"),
    ({"probe": "heads"}, "is not a probe"),
    ({"probe": vx.Heads}, "Heads is a class"),
    ({"path": "o.gif"}, r"suffix of a video must be \.mp4"),
    ({"path": None}, "video to write is given as NoneType"),
    ({"smooth": "3"}, "smooth is '3'"),
    ({"smooth": 0}, "smooth is 0"),
    ({"smooth": float("nan")}, "smooth is nan"),
    ({"every": 1.5}, r"every is 1\.5"),
    ({"every": 0}, "every is 0"),
    ({"short_side": "48"}, "short side is '48'"),
    ({"short_side": -1}, "short side is -1"),
    ({"start": "1"}, "start is '1'"),
    ({"start": float("nan")}, "start is nan"),
    ({"end": float("inf")}, "end is inf"),
    ({"rate": 0}, "rate is 0"),
    ({"max_pixels": 0}, "max_pixels is 0"),
    ({"head": "first"}, "head is 'first'"),
    ({"head": 1.0}, r"head is 1\.0"),
    ({"opacity": "1"}, "opacity is '1'"),
    ({"opacity": float("nan")}, "opacity is nan"),
    ({"colormap": []}, r"colormap \[\] is unknown"),
    ({"titles": ["a", "b"]}, "one name for each engine"),
    ({"titles": "a"}, "one name for each engine"),
]


@pytest.mark.parametrize(("given", "says"), VIDEOS)
def test_videos_that_can_not_be(
    given: dict[str, Any], says: str, walk: str, engine: vx.Engine, desk: Path
) -> None:
    usual = {"video": walk, "engines": engine, "probe": vx.Heads(), "path": "o.mp4"}
    with pytest.raises(UsageError, match=says):
        vx.make_video(**{**usual, **given})
    assert [file.name for file in desk.iterdir()] == ["walk.mp4"]


def test_an_open_video_is_not_written_over(walk: str, engine: vx.Engine) -> None:
    before = Path(walk).read_bytes()
    with pytest.raises(UsageError, match="would be lost"):
        vx.make_video(open_video(walk), engine, vx.Heads(), walk)
    assert Path(walk).read_bytes() == before
    report = vx.make_video(walk, engine, vx.Heads(), "o.mp4", start=0.0, end=Fraction(1, 1000))
    assert report.frames == 1


def test_figures_that_can_not_be(engine: vx.Engine, images: list[str]) -> None:
    results = engine.probe(images, vx.Heads())
    (bare,) = engine.probe_pixels(np.zeros((1, 48, 48, 3), np.uint8), vx.Heads())
    tables = engine.probe(images, vx.Distance())
    cases: list[tuple[Any, str]] = [
        ({"a": results, "b": results[:1]}, "there are results 2 of a, 1 of b"),
        ([results[0], bare], "keep no pixels"),
        ({"a": results[:1], "b": [bare]}, "keep no pixels"),
        (results[0].finding, "maps lie on a picture: give the result"),
        (tables, r"probe\.table\(stream\.summary"),
    ]
    for given, says in cases:
        with pytest.raises(UsageError, match=says):
            vx.plot(given)


UNCHECKED: Any = vx
FILES: list[tuple[str, tuple[Any, ...], dict[str, Any], str]] = [
    ("export_model", (3, "o.onnx"), {}, "model is given as int"),
    ("export_model", (None, "o.onnx"), {}, "no model given"),
    ("export_model", ("dino_vits16", 3), {}, "file to write is given as int"),
    ("export_model", ("dino_vits16", "o.onnx"), {"weights": 3}, "checkpoint is given as int"),
    ("export_model", ("dino_vits16", "o.onnx"), {"weights": "random", "seed": "a"}, "seed is 'a'"),
    ("export_model", ("mine", "o.onnx"), {"weights": "random", "config": 3}, "config is given as"),
    ("tap_model", (None, "o.onnx"), {}, "model is given as NoneType"),
    ("tap_model", ("a.onnx", None), {}, "file to write is given as NoneType"),
    ("tap_model", ("a.onnx", "o.onnx"), {"prefix": 3}, "prefix is 3"),
    ("tap_model", ("a.onnx", "o.onnx"), {"preprocess": 3}, "preprocess is 3"),
]


@pytest.mark.parametrize(("function", "arguments", "options", "says"), FILES)
def test_files_that_can_not_be(
    function: str, arguments: tuple[Any, ...], options: dict[str, Any], says: str, desk: Path
) -> None:
    with pytest.raises(UsageError, match=says):
        getattr(UNCHECKED, function)(*arguments, **options)
    assert not list(desk.iterdir())


@pytest.mark.parametrize("path", [None, 3])
def test_bake_needs_a_path(path: Any, engine: vx.Engine) -> None:
    with pytest.raises(UsageError, match="file to write is given as"):
        vx.bake(engine, vx.Rollout(), path)
    with pytest.raises(UsageError, match="bake takes an engine"):
        UNCHECKED.bake(None, vx.Rollout(), "o.onnx")
