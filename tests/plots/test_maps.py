import itertools

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from plots.drawn_figures import drawn, heads_maps, patches_of, texts_of
from vitonnx.plots import plot_maps
from vitonnx.plots._tile import MARK

GRID = (3, 5)
CELLS = 28  # to a side of a patch, where lines are looked for: none is wider than two of them


def grey(level: int = 85, grid: tuple[int, int] = GRID) -> NDArray[np.uint8]:
    return np.full((grid[0] * 16, grid[1] * 16, 3), level, np.uint8)


def one_hot(*patches: tuple[int, int]) -> NDArray[np.float32]:
    """Make a head for each patch, that looks at nothing but the patch."""
    maps = np.zeros((len(patches), *GRID), np.float32)
    for head, (row, column) in enumerate(patches):
        maps[head, row, column] = 0.5
    return maps


@pytest.mark.parametrize("heads", [1, 3, 6, 12, 16])
def test_a_tile_for_each_head(heads: int) -> None:
    figure = plot_maps(grey(), heads_maps(np.full((heads, *GRID), 0.1, np.float32)))
    assert len(figure.axes) == heads + 3  # the picture, the mean, the colour bar
    labels = [f"head {head}" for head in range(heads)]
    assert set(texts_of(figure)) >= {*labels, "what the model saw", "mean of the heads"}


def test_every_head_is_hot_where_it_looks() -> None:
    hot = [(1, 3), (0, 0), (2, 4), (2, 0), (0, 4), (1, 1)]
    figure = plot_maps(grey(), heads_maps(one_hot(*hot)))
    pixels = drawn(figure)
    for axes, patch in zip(figure.axes[2:8], hot, strict=True):
        brightness = patches_of(axes, pixels, GRID).mean(axis=-1)
        assert np.unravel_index(brightness.argmax(), GRID) == patch
        others = np.delete(brightness.ravel(), brightness.argmax())
        assert brightness.max() > others.max() + 0.4


def test_the_mean_is_the_mean() -> None:
    maps = one_hot((1, 3), (0, 0), (1, 3))
    figure = plot_maps(grey(), heads_maps(maps))
    brightness = patches_of(figure.axes[1], drawn(figure), GRID).mean(axis=-1)
    first, second = np.argsort(brightness.ravel())[::-1][:2]
    assert (divmod(int(first), 5), divmod(int(second), 5)) == ((1, 3), (0, 0))
    assert brightness[1, 3] > brightness[0, 0] > brightness[2, 2]


def test_the_picture_keeps_its_colours_and_its_place() -> None:
    crop = grey(0)
    crop[16:32, 48:64] = (250, 120, 10)
    figure = plot_maps(crop, heads_maps(one_hot((0, 0), (0, 0), (0, 0))))
    colours = patches_of(figure.axes[0], drawn(figure), GRID)
    np.testing.assert_allclose(colours[1, 3] * 255, (250, 120, 10), atol=2)
    colours[1, 3] = 0
    np.testing.assert_allclose(colours * 255, 0, atol=2)


def test_the_picture_is_seen_below_the_map() -> None:
    crop = grey(0)
    crop[16:32, 48:64] = 255
    figure = plot_maps(crop, heads_maps(np.full((3, *GRID), 0.1, np.float32)))
    brightness = patches_of(figure.axes[2], drawn(figure), GRID).mean(axis=-1)
    assert np.unravel_index(brightness.argmax(), GRID) == (1, 3)


def test_colours_mean_what_the_bar_says() -> None:
    values = np.linspace(0, 0.3, 15, dtype=np.float32).reshape(GRID)
    # Below the map, this grey has the brightness of what lies below the bar.
    figure = plot_maps(grey(85), heads_maps(np.stack([values] * 6)))
    pixels = drawn(figure)
    colours, bar = patches_of(figure.axes[4], pixels, GRID).reshape(-1, 3), figure.axes[-1]
    middle = bar.get_position().x0 + bar.get_position().width / 2
    # Without the lowest, at the very end of the bar, and the highest, which is beyond it.
    for value, colour in list(zip(values.ravel(), colours, strict=True))[1:-1]:
        height = int(bar.transData.transform((0, float(value)))[1])
        on_bar = pixels[-1 - height, int(middle * pixels.shape[1])]
        # A pixel of the bar is a hundredth of it, and blue changes fastest.
        np.testing.assert_allclose(colour, on_bar, atol=0.03)


def test_the_scale_begins_at_zero() -> None:
    maps = np.random.default_rng(0).uniform(0.2, 0.3, (6, *GRID)).astype(np.float32)
    assert plot_maps(grey(), heads_maps(maps)).axes[-1].get_ylim()[0] == 0


def test_heads_share_one_scale() -> None:
    maps = np.stack([np.full(GRID, 0.1), np.full(GRID, 0.3), np.full(GRID, 0.3)])
    figure = plot_maps(grey(), heads_maps(maps.astype(np.float32)))
    pixels = drawn(figure)
    faint, strong, same = (patches_of(axes, pixels, GRID) for axes in figure.axes[2:5])
    assert (strong.mean(axis=-1) > faint.mean(axis=-1) + 0.2).all()
    np.testing.assert_array_equal(strong, same)


def test_the_mask_is_outlined_along_patch_edges() -> None:
    maps = one_hot((1, 3), (0, 0), (2, 4))
    maps[2, 2, 3] = 0.5  # two neighbours
    figure = plot_maps(grey(), heads_maps(maps, mass=0.9))
    lines = [
        {frozenset(map(tuple, segment)) for segment in collection.get_segments()}
        for axes in figure.axes[2:5]
        for collection in axes.collections
        if isinstance(collection, LineCollection)
    ]
    corners = [(3.0, 1.0), (4.0, 1.0), (4.0, 2.0), (3.0, 2.0)]
    assert lines[0] == set(map(frozenset, itertools.pairwise([*corners, corners[0]])))
    assert [len(of_head) for of_head in lines] == [4, 4, 6]
    assert "outlined: 90% of the attention to patches" in " ".join(texts_of(figure))


def test_no_mask_no_outline() -> None:
    figure = plot_maps(grey(), heads_maps(one_hot((1, 3), (0, 0), (2, 4))))
    assert not any(axes.collections for axes in figure.axes[:-1])


def test_a_query_patch_is_framed() -> None:
    maps = heads_maps(one_hot((0, 0), (0, 0)), query="20,55", patch=(1, 3))
    figure = plot_maps(grey(), maps)
    frames = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    assert [(frame.get_xy(), frame.get_width()) for frame in frames] == [((3, 1), 1)]
    assert "query: pixel y 20, x 55" in " ".join(texts_of(figure))


@pytest.mark.parametrize("drawing", ["frame", "outline"])
def test_lines_lie_where_the_map_is_hot(drawing: str) -> None:
    maps = heads_maps(
        one_hot((0, 3), (0, 3)),
        mass=0.9 if drawing == "outline" else None,
        patch=(0, 3) if drawing == "frame" else None,
        query="3,55",
    )
    figure = plot_maps(grey(), maps)
    fine = patches_of(figure.axes[2], drawn(figure), (3 * CELLS, 5 * CELLS))
    is_line = np.abs(fine - to_rgb(MARK)).max(axis=-1) < 0.25
    rows, columns = np.nonzero(is_line)
    assert rows.max() <= CELLS
    assert columns.min() >= 3 * CELLS - 1
    assert columns.max() <= 4 * CELLS


def test_the_caption_says_all_there_is_to_say() -> None:
    maps = heads_maps(one_hot((0, 0), (0, 0), (1, 1)))
    figure = plot_maps(
        grey(),
        maps,
        model="vit_tiny",
        file="bird.png",
        prediction="finch (0.87)",
        note="untrained: random weights",
    )
    caption = " ".join(texts_of(figure))
    for part in ("vit_tiny", "bird.png", "block 7", "query: cls", "predicted: finch (0.87)"):
        assert part in caption
    assert "untrained: random weights" in texts_of(figure)
    assert "predicted" not in " ".join(texts_of(plot_maps(grey(), maps)))


@pytest.mark.parametrize(
    ("heads", "grid", "peak"),
    [
        (1, (5, 5), 0.3),
        (3, (3, 5), 0.3),
        (6, (5, 3), 0.3),
        (12, (5, 5), 1e-6),
        (16, (3, 5), 0.03),
        (17, (5, 3), 0.3),
    ],
)
def test_no_text_is_clipped_or_overlaps(heads: int, grid: tuple[int, int], peak: float) -> None:
    values = np.random.default_rng(0).uniform(0, peak, (heads, *grid)).astype(np.float32)
    figure = plot_maps(
        grey(grid=grid),
        heads_maps(values, mass=0.6, query="40,1234", patch=(1, 1)),
        model="a model with a name that is far too long " * 5,
        file="holiday/" + "x" * 200 + ".png",
        prediction="a class with many names, each of them long " * 2,
        note="untrained: random weights",
    )
    texts = texts_of(figure)
    page = figure.bbox
    for text, box in texts.items():
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text
    for (text, box), (other, its_box) in itertools.combinations(texts.items(), 2):
        assert not box.overlaps(its_box), (text, other)
    tiles = [axes.get_window_extent() for axes in figure.axes]
    for text, box in texts.items():
        assert not any(box.overlaps(tile) for tile in tiles), text


def test_names_are_drawn_as_they_are() -> None:
    maps = heads_maps(one_hot((0, 0), (0, 0)))
    figure = plot_maps(grey(), maps, model=r"$\nosuchsymbol$", file="a\n\udce9 \U000f0000.png")
    texts = texts_of(figure)
    assert r"$\nosuchsymbol$" in texts
    # What no font has is escaped.
    assert any(text.startswith(r"a\n\xe9 \U000f0000.png") for text in texts)


def test_inputs_are_left_as_they_are() -> None:
    crop, maps = grey(), one_hot((1, 3), (0, 0))
    crop_before, maps_before = crop.copy(), maps.copy()
    drawn(plot_maps(crop, heads_maps(maps, mass=0.5)))
    np.testing.assert_array_equal(crop, crop_before)
    np.testing.assert_array_equal(maps, maps_before)
