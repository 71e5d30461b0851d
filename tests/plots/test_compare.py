import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from plots.drawn_figures import drawn, heads_maps, patches_of, texts_of
from vitonnx.errors import UsageError
from vitonnx.plots import SheetEntry, compare_models
from vitonnx.probes import RolloutResult

GRID = (3, 5)
LONG = "a model with a name that is far too long " * 5


def crop(level: int = 85, grid: tuple[int, int] = GRID) -> NDArray[np.uint8]:
    return np.full((grid[0] * 16, grid[1] * 16, 3), level, np.uint8)


def hot(patch: tuple[int, int], grid: tuple[int, int] = GRID) -> NDArray[np.float32]:
    values = np.full(grid, 0.01, np.float32)
    values[patch] = 0.2
    return values


def rolled(patch: tuple[int, int], grid: tuple[int, int] = GRID, level: int = 85) -> SheetEntry:
    maps = RolloutResult(rollout=hot(patch, grid)).finding
    return SheetEntry(crop(level, grid), maps, "bird.png", "finch (87%)")


def looked(
    *patches: tuple[int, int],
    grid: tuple[int, int] = GRID,
    mass: float | None = None,
    patch: tuple[int, int] | None = None,
) -> SheetEntry:
    query = "cls" if patch is None else "20,55"
    maps = np.stack([hot(place, grid) for place in patches])
    return SheetEntry(crop(grid=grid), heads_maps(maps, mass=mass, query=query, patch=patch), "a")


def brightest(axes: Axes, pixels: NDArray[np.float64], grid: tuple[int, int]) -> tuple[int, int]:
    brightness = patches_of(axes, pixels, grid).mean(axis=-1)
    row, column = np.unravel_index(brightness.argmax(), grid)
    return int(row), int(column)


@pytest.mark.parametrize("pictures", [1, 2, 5])
def test_every_model_has_a_column_and_every_picture_a_row(pictures: int) -> None:
    places = [(number % 3, number % 5) for number in range(pictures)]
    models = {
        "deit": [rolled(place, level=8 * number) for number, place in enumerate(places)],
        "dino": [rolled((2, 4), level=8 * number) for number in range(pictures)],
    }
    figure = compare_models(models)
    pixels = drawn(figure)
    seen, deit = figure.axes[:pictures], figure.axes[pictures : 2 * pictures]
    dino = figure.axes[2 * pictures + 1 : -1]
    for number, (picture, one, other) in enumerate(zip(seen, deit, dino, strict=True)):
        np.testing.assert_allclose(patches_of(picture, pixels, GRID) * 255, 8 * number, atol=1)
        assert brightest(one, pixels, GRID) == places[number]
        assert brightest(other, pixels, GRID) == (2, 4)
        boxes = [axes.get_position() for axes in (picture, one, other)]
        assert boxes[0].x1 < boxes[1].x0 < boxes[1].x1 < boxes[2].x0
        assert len({round(box.y1, 6) for box in boxes}) == 1
    tops = [axes.get_position().y1 for axes in seen]
    assert tops == sorted(tops, reverse=True)


def test_every_model_has_its_own_colours() -> None:
    faint, strong = (
        SheetEntry(crop(), RolloutResult(rollout=hot((1, 3)) * level).finding, "bird.png")
        for level in (0.1, 1)
    )
    figure = compare_models({"faint": [faint], "strong": [strong]})
    pixels = drawn(figure)
    one, bar, other, other_bar = figure.axes[1:]
    np.testing.assert_allclose(
        patches_of(one, pixels, GRID), patches_of(other, pixels, GRID), atol=0.01
    )
    for axes, level in ((bar, 0.1), (other_bar, 1)):
        low, high = axes.get_ylim()
        assert low == pytest.approx(0.01 * level)
        assert 0.15 * level < high <= 0.2 * level
        assert axes.get_ylabel() == "rollout weight"


def test_every_model_is_drawn_on_its_own_crop() -> None:
    grids = {"deit": (3, 5), "dino": (7, 5)}
    models = {name: [rolled((2, 4), grid)] for name, grid in grids.items()}
    figure = compare_models(models)
    for axes, grid in zip((figure.axes[1], figure.axes[3]), grids.values(), strict=True):
        assert brightest(axes, drawn(figure), grid) == (2, 4)
        box = axes.get_window_extent()
        assert box.height / box.width == pytest.approx(grid[0] / grid[1], rel=1e-3)
    assert "in colours: what deit saw" in " ".join(texts_of(figure))


def test_whose_crop_it_is_goes_without_saying_where_all_saw_the_same() -> None:
    figure = compare_models({"deit": [rolled((1, 3))], "dino": [rolled((2, 4))]})
    assert "in colours" not in " ".join(texts_of(figure))


def test_a_picture_alone_shows_the_heads() -> None:
    places = [(1, 3), (0, 0), (2, 4), (2, 0), (0, 4), (1, 1)]
    figure = compare_models({"deit": [looked((1, 3))], "dino": [looked(*places)]})
    pixels = drawn(figure)
    heads = figure.axes[5:-1]  # picture; mean, head and bar; mean
    assert [brightest(axes, pixels, GRID) for axes in heads] == places
    mean = figure.axes[4].get_position()
    for axes in heads:
        box = axes.get_position()
        assert box.y1 < mean.y0
        assert mean.x0 - 1e-6 <= box.x0 < box.x1 <= mean.x1 + 1e-6
    texts = texts_of(figure)
    assert {f"head {head}" for head in range(6)} | {"mean of the heads"} <= set(texts)
    several = compare_models({"deit": [looked((1, 3))] * 2, "dino": [looked(*places)] * 2})
    assert len(several.axes) == 8  # two pictures, two maps and a bar for each model
    assert "mean of the heads" in " ".join(texts_of(several))


def test_mask_and_query_are_marked() -> None:
    figure = compare_models({"dino": [looked((1, 3), (0, 0), mass=0.9, patch=(2, 1))]})
    for axes in figure.axes[:4]:
        frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        assert [(frame.get_xy(), frame.get_width()) for frame in frames] == [((1, 2), 1)]
    masks = [
        [line for line in axes.collections if isinstance(line, LineCollection)]
        for axes in figure.axes[:4]
    ]
    assert [len(lines) for lines in masks] == [0, 1, 1, 1]
    texts = " ".join(texts_of(figure))
    assert "outlined: 90% of the attention to patches" in texts
    assert "query: pixel y 20, x 55" in texts


def test_what_models_have_in_common_is_said_once() -> None:
    twelve, five = looked((1, 3)), looked((1, 3))
    maps = replace(five.maps, details=("block 4", "query: cls"))
    five = five._replace(maps=maps, prediction="wren (9%)")
    figure = compare_models({"dino": [twelve], "deit": [five]}, note="untrained: random weights")
    texts = texts_of(figure)
    assert {"query: cls", "block 7", "block 4, predicted: wren (9%)"} <= set(texts)
    assert texts["dino"].x0 == texts["block 7"].x0 < texts["deit"].x0
    assert texts["deit"].x0 == texts["block 4, predicted: wren (9%)"].x0
    assert "untrained: random weights" in texts


@pytest.mark.parametrize(("pictures", "heads"), [(1, 1), (3, 1), (3, 6), (1, 12), (1, 16), (3, 16)])
def test_no_text_is_clipped_or_overlaps(pictures: int, heads: int) -> None:
    entry = looked(*[(1, 3)] * heads, mass=0.6, patch=(1, 1))
    entry = entry._replace(file="x" * 200, prediction="a class with many names " * 5)
    tall = looked(*[(1, 3)] * 3, grid=(7, 5), patch=(1, 1))._replace(prediction="wren")
    models = {f"1 {LONG}": [entry] * pictures, f"2 {LONG}": [tall] * pictures}
    figure = compare_models(models, note="untrained: random weights")
    texts = texts_of(figure)
    tiles = [axes.get_window_extent() for axes in figure.axes]
    for text, box in texts.items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        assert not any(box.overlaps(tile) for tile in tiles), text
    for (text, box), (other, its_box) in itertools.combinations(texts.items(), 2):
        assert not box.overlaps(its_box), (text, other)
    for one, other_tile in itertools.combinations(tiles, 2):
        assert not one.overlaps(other_tile)


@pytest.mark.parametrize("pictures", [0, 401])
def test_pages_have_bounds(pictures: int) -> None:
    entries = [rolled((1, 3))] * pictures
    with pytest.raises(UsageError, match=f"1 to 400 pictures, not {pictures}"):
        compare_models({"deit": entries, "dino": entries})
