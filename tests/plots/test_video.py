"""Frames of videos: where each map is, in which colours, and what stands above it."""

from __future__ import annotations

import itertools

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vitonnx.errors import UsageError
from vitonnx.plots import Legend, Panel, Scale, VideoColours, VideoPainter, scale_of_stream
from vitonnx.plots._legend import COLOURS
from vitonnx.plots._video_layout import VideoLayout, lay_out

GRID = (3, 5)
SIZE = (48, 80)
WHOLE = Scale(0, 1, False)


def one_hot(row: int, column: int) -> NDArray[np.float32]:
    values = np.zeros(GRID, np.float32)
    values[row, column] = 1
    return values


def grey(level: int = 85) -> NDArray[np.uint8]:
    return np.full((*SIZE, 3), level, np.uint8)


def patches(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The mean brightness of every patch."""
    tiles = picture.reshape(3, 16, 5, 16, 3)
    brightness: NDArray[np.float64] = tiles.mean(axis=(1, 3, 4))
    return brightness


def brightest(picture: NDArray[np.uint8]) -> tuple[int, int]:
    """Row and column of a patch."""
    return divmod(int(patches(picture).argmax()), 5)


@pytest.mark.parametrize("style", ["overlay", "heatmap"])
@pytest.mark.parametrize("patch", [(0, 0), (1, 3), (2, 4), (2, 0)])
def test_a_hot_patch_is_bright_where_it_is(style: str, patch: tuple[int, int]) -> None:
    painter = VideoPainter(SIZE, [Panel()], VideoColours(style))  # type: ignore[arg-type]
    brightness = patches(painter.paint(grey(), [one_hot(*patch)[None]], [WHOLE]))
    assert divmod(int(brightness.argmax()), 5) == patch
    assert brightness.max() > np.sort(brightness.ravel())[-2] + 30


def test_the_middle_of_a_patch_has_its_colour() -> None:
    values = np.linspace(0, 1, 15, dtype=np.float32).reshape(GRID)
    scale = Scale(0.2, 0.8, True)
    colours = VideoColours("heatmap", "viridis")
    drawn = np.asarray(colours.draw(Image.fromarray(grey()), values, scale)).astype(int)
    share = np.clip((values - 0.2) / 0.6, 0, 1)
    expected = np.rint(mpl.colormaps["viridis"](share)[..., :3] * 255)
    middles = np.stack([drawn[7::16, 7::16], drawn[8::16, 8::16]]).mean(axis=0)
    # Neighbours reach to within half a pixel of the middle, and there are 256 steps.
    np.testing.assert_allclose(middles, expected, atol=6)


def test_between_patches_colours_go_over() -> None:
    values = np.repeat(np.linspace(0, 1, 5, dtype=np.float32)[None], 3, axis=0)
    drawn = VideoColours("heatmap", "gray").draw(Image.fromarray(grey()), values, WHOLE)
    row = np.asarray(drawn)[24, 8:-8, 0].astype(int)
    # From the middle of the first patch to that of the last, in steps of a few levels.
    np.testing.assert_allclose(row, np.linspace(2, 253, 64), atol=6)


def test_the_frame_is_seen_below_an_overlay_and_not_below_a_heat_map() -> None:
    pixels = grey(0)
    pixels[16:32, 48:64] = 255
    flat = np.full((1, *GRID), 0.5, np.float32)
    overlay = VideoPainter(SIZE, [Panel()], VideoColours("overlay")).paint(pixels, [flat], [WHOLE])
    assert brightest(overlay) == (1, 3)
    heatmap = VideoPainter(SIZE, [Panel()], VideoColours("heatmap")).paint(pixels, [flat], [WHOLE])
    assert np.ptp(patches(heatmap)) == 0


def test_opacity() -> None:
    pixels = grey(200)
    flat = np.full((1, *GRID), 1, np.float32)
    drawn = [
        VideoPainter(SIZE, [Panel()], VideoColours(opacity=opacity)).paint(pixels, [flat], [WHOLE])
        for opacity in (0, 0.5, 1)
    ]
    # The frame in grey, half of it, nothing of it.
    assert (np.ptp(drawn[0], axis=-1) == 0).all()
    np.testing.assert_allclose(
        drawn[1], (drawn[0].astype(float) + drawn[2].astype(float)) / 2, atol=1.5
    )
    last = np.rint(np.array(mpl.colormaps["inferno"](1.0)[:3]) * 255)
    np.testing.assert_array_equal(drawn[2][5, 5], last)


def test_side_by_side_has_the_frame_itself_at_its_left() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    painter = VideoPainter(SIZE, [Panel()], VideoColours("side-by-side"), original="")
    drawn = painter.paint(pixels, [one_hot(1, 3)[None]], [WHOLE])
    assert drawn.shape[:2] == painter.size == (48, 162)
    np.testing.assert_array_equal(drawn[:, :80], pixels)
    alone = VideoPainter(SIZE, [Panel()], VideoColours()).paint(
        pixels, [one_hot(1, 3)[None]], [WHOLE]
    )
    np.testing.assert_array_equal(drawn[:, 82:], alone)


def test_models_stand_side_by_side_each_with_its_own_scale() -> None:
    painter = VideoPainter(
        SIZE, [Panel("first"), Panel("second")], VideoColours("heatmap"), original="original"
    )
    maps = [one_hot(0, 4)[None], 0.1 * one_hot(2, 1)[None]]
    drawn = painter.paint(grey(), maps, [WHOLE, Scale(0, 0.1, False)])
    height, width = painter.size
    assert width == 3 * 80 + 2 * 2
    label = height - 48
    first, second = drawn[label:, 82:162], drawn[label:, 164:]
    assert brightest(first) == (0, 4)
    assert brightest(second) == (2, 1)
    assert patches(first).max() == pytest.approx(patches(second).max(), abs=40)
    # A title above each.
    for left in (0, 82, 164):
        assert np.ptp(drawn[:label, left : left + 80]) > 100


def test_a_mosaic_of_heads_in_order() -> None:
    hot = [(0, 0), (1, 2), (2, 4), (2, 0), (0, 3), (1, 1)]
    panel = Panel("", tuple(f"head {head}" for head in range(6)))
    painter = VideoPainter(SIZE, [panel], VideoColours("heatmap"))
    maps = np.stack([one_hot(*patch) for patch in hot])
    drawn = painter.paint(grey(), [maps], [WHOLE])
    places = lay_out(SIZE, [panel]).places[0]
    assert len({top for _, top in places}) == 2
    for (left, top), patch in zip(places, hot, strict=True):
        tile = drawn[top : top + 48, left : left + 80]
        assert brightest(tile) == patch


def test_a_query_is_framed_in_each_map() -> None:
    painter = VideoPainter(
        SIZE,
        [Panel(), Panel()],
        VideoColours("heatmap", "gray"),
        original="",
        queries=[(1, 3), None],
    )
    zero = np.zeros((1, *GRID), np.float32)
    drawn = painter.paint(grey(), [zero, zero], [WHOLE, WHOLE])
    coloured = np.argwhere(np.ptp(drawn[:, 82:].astype(int), axis=-1) > 100)
    # Row 1 and column 3, of patches of 16 pixels.
    assert (coloured.min(axis=0).tolist(), coloured.max(axis=0).tolist()) == ([16, 48], [31, 63])


def boxes(layout: VideoLayout) -> list[tuple[int, int, int, int]]:
    height, width = layout.tile
    tiles = [
        (left, top, left + width, top + height) for panel in layout.places for left, top in panel
    ]
    texts = [
        (label.left, label.top, label.left + label.width, label.top + layout.text)
        for label in layout.labels
    ]
    return tiles + texts


@pytest.mark.parametrize("heads", [1, 3, 6, 12, 16, 17])
@pytest.mark.parametrize("models", [1, 2, 3])
@pytest.mark.parametrize("tile", [(53, 71), (512, 896), (1920, 1080), (2160, 3840)])
def test_nothing_overlaps_and_all_is_in_the_frame(
    heads: int, models: int, tile: tuple[int, int]
) -> None:
    labels = tuple(f"head {head}" for head in range(heads))
    layout = lay_out(tile, [Panel("original"), *[Panel("model", labels)] * models])
    height, width = layout.size
    assert height <= 2160
    assert width <= 3840
    assert layout.tile[0] / layout.tile[1] == pytest.approx(tile[0] / tile[1], rel=0.05)
    for left, top, right, bottom in boxes(layout):
        assert 0 <= left < right <= width
        assert 0 <= top < bottom <= height
    for one, other in itertools.combinations(boxes(layout), 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


def test_a_map_alone_keeps_the_size_of_the_video() -> None:
    assert lay_out((4320, 7680), [Panel()]).size == (4320, 7680)


def test_any_name_can_be_a_title() -> None:
    for title in ("a name that is far too long " * 9, "\udce9 鳥\n", ""):
        painter = VideoPainter(SIZE, [Panel(title), Panel(title)], VideoColours(), original="x")
        assert painter.size[1] == 244


def test_inputs_are_left_as_they_are() -> None:
    pixels, maps = grey(), one_hot(1, 3)[None]
    before = pixels.copy(), maps.copy()
    painter = VideoPainter(SIZE, [Panel()], VideoColours(), queries=[(1, 3)])
    first, second = (painter.paint(pixels, [maps], [WHOLE]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(maps, before[1])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"style": "mosaic"}, "style 'mosaic' is unknown"),
        ({"colormap": "infernal"}, "colormap 'infernal' is unknown"),
        ({"opacity": 1.5}, "opacity is 1.5"),
    ],
)
def test_what_can_not_be(given: dict[str, object], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        VideoColours(**given)  # type: ignore[arg-type]


def tint(*shown: tuple[int, int]) -> NDArray[np.float32]:
    """Colours of some patches: (rows, columns, 4), the colours times how much there is of them."""
    colours = np.zeros((*GRID, 4), np.float32)
    for patch in shown:
        colours[patch] = (0.8, 0.2, 0.4, 1)
    return colours


EVERYWHERE = list(itertools.product(range(3), range(5)))


def middles(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[8::16, 8::16]


def test_colours_alone_are_the_colours_and_black() -> None:
    shown = [(1, 1), (1, 2), (1, 3)]
    painter = VideoPainter(SIZE, [Panel()], VideoColours("heatmap"))
    drawn = middles(painter.paint(grey(255), [tint(*shown)[None]], [None]))
    for patch in EVERYWHERE:
        wanted = (204, 51, 102) if patch in shown else (0, 0, 0)
        # Half a pixel beside the middle, neighbours reach in a little.
        np.testing.assert_allclose(drawn[patch], wanted, atol=6)


def test_colours_hide_the_same_share_everywhere() -> None:
    drawn = {
        opacity: VideoPainter(SIZE, [Panel()], VideoColours(opacity=opacity)).paint(
            grey(85), [tint(*EVERYWHERE)[None]], [None]
        )
        for opacity in (0, 0.25, 1, None)
    }
    full, none = drawn[1].astype(float), drawn[0].astype(float)
    np.testing.assert_allclose(drawn[1], np.broadcast_to((204, 51, 102), full.shape), atol=1)
    np.testing.assert_allclose(drawn[0.25], 0.25 * full + 0.75 * none, atol=1.5)
    np.testing.assert_allclose(drawn[None], 0.6 * full + 0.4 * none, atol=1.5)
    bare = VideoPainter(SIZE, [Panel()], VideoColours()).paint(grey(85), [tint()[None]], [None])
    np.testing.assert_array_equal(bare, drawn[0])  # what has no colour hides nothing


def test_a_colour_that_is_there_half_of_the_time_is_half_as_strong() -> None:
    half = tint(*EVERYWHERE) / 2
    colours = VideoColours("heatmap")
    drawn = np.asarray(colours.draw(Image.fromarray(grey()), half, None))
    np.testing.assert_allclose(drawn, np.broadcast_to((102, 25.5, 51), drawn.shape), atol=2)


CLASSES = np.array([[3, 3, 3, 3, 3], [7, 7, 7, 5, 5], [3, 3, 7, 7, 5]], np.int32)


def legend(names: tuple[str, ...] | None = None) -> Legend:
    (made,) = Legend.of_models([([CLASSES], names)])
    return made


@pytest.mark.parametrize("style", ["overlay", "heatmap"])
def test_classes_have_edges(style: str) -> None:
    colours = VideoColours(style)  # type: ignore[arg-type]
    drawn = np.asarray(colours.draw(Image.fromarray(grey(85)), CLASSES, legend()))
    tiles = drawn.reshape(3, 16, 5, 16, 3)
    for row, column in EVERYWHERE:
        assert np.ptp(tiles[row, :, column], axis=(0, 1)).max() == 0
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) == 3
    np.testing.assert_array_equal(tiles[0, 0, 0, 0], tiles[2, 0, 1, 0])
    if style == "heatmap":
        np.testing.assert_allclose(drawn[0, 0], COLOURS[0] * 255, atol=1)


def test_a_legend_stands_below_its_panel() -> None:
    lines = legend(tuple("abcdefgh")).lines()
    assert [words for words, _ in lines] == ["d 47%", "h 33%", "f 20%"]
    size = (256, 448)
    plain = VideoPainter(size, [Panel("a"), Panel("b")], VideoColours("heatmap"))
    painter = VideoPainter(size, [Panel("a"), Panel("b", legend=lines)], VideoColours("heatmap"))
    assert painter.size[0] > plain.size[0]
    maps = [np.zeros((1, *GRID), np.float32), CLASSES[None]]
    drawn = painter.paint(np.zeros((*size, 3), np.uint8), maps, [WHOLE, legend()])
    below = drawn[plain.size[0] :].astype(int)
    assert np.ptp(below[:, :448]) == 0  # nothing below the other panel
    for rank in range(3):
        near = np.abs(below[:, 450:] - COLOURS[rank] * 255).max(axis=-1) < 2
        assert near.sum() >= 50  # a square of its colour
    columns = [
        np.argwhere(np.abs(below - COLOURS[rank] * 255).max(axis=-1) < 2)[:, 1].min()
        for rank in range(3)
    ]
    assert columns == sorted(columns)


@pytest.mark.parametrize("count", [1, 4, 9])
@pytest.mark.parametrize("tile", [(53, 71), (512, 896), (1920, 1080), (2160, 3840)])
def test_legends_overlap_nothing_and_are_in_the_frame(count: int, tile: tuple[int, int]) -> None:
    lines = tuple((f"class {number} 9%", (1.0, 0.0, 0.0)) for number in range(count))
    panels = [Panel("original"), Panel("dino", legend=lines), Panel("deit", legend=lines)]
    layout = lay_out(tile, panels)
    assert len(layout.labels) == 3 + 2 * count
    assert layout.size[0] <= 2160
    for left, top, right, bottom in boxes(layout):
        assert 0 <= left < right <= layout.size[1]
        assert 0 <= top < bottom <= layout.size[0]
    for one, other in itertools.combinations(boxes(layout), 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


@pytest.mark.parametrize("low", [0.0, None])
def test_a_scale_of_a_stream_is_the_scale_of_all(low: float | None) -> None:
    values = np.random.default_rng(0).gamma(2, 0.003, (31, 3, 5, 7)).astype(np.float32)
    values[7, 1, 2, 3] = 0.7  # a sink
    scale = scale_of_stream(lambda: iter(values), low=low)
    expected = Scale.over(values, low=float(values.min()) if low is None else low)
    assert scale.low == expected.low
    # Right to a 65,536th of the range, and to the next value.
    assert scale.high == pytest.approx(expected.high, rel=0.002)
    assert np.mean(values <= scale.high) == pytest.approx(0.995, abs=1 / values.size)
    assert scale.clipped == expected.clipped


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_scale_of_equal_values(value: float) -> None:
    scale = scale_of_stream(lambda: [np.full((2, 3), value, np.float32)] * 5, low=None)
    assert scale.low == pytest.approx(value)
    assert scale.high > scale.low
