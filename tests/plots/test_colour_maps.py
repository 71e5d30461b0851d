"""Colours of patches, alone and over the picture: what they mean, and where they are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray

from plots.drawn_figures import drawn, patches_of, texts_of
from vitonnx.errors import UsageError
from vitonnx.plots import SheetEntry, colours_of, compare_models, contact_sheet, plot_maps
from vitonnx.probes import ColourMaps

GRID = (3, 5)
SPREAD = np.array([0.5, 2.0, 7.0], np.float32)


def picture(level: int = 85, grid: tuple[int, int] = GRID) -> NDArray[np.uint8]:
    return np.full((grid[0] * 16, grid[1] * 16, 3), level, np.uint8)


def tinted(
    seed: int, grid: tuple[int, int] = GRID, shown: NDArray[np.bool_] | None = None
) -> ColourMaps:
    values = np.random.default_rng(seed).normal(size=(*grid, 3)).astype(np.float32) * SPREAD
    details = ("block 11",)
    return ColourMaps(
        values=values, spread=SPREAD, label="components", details=details, shown=shown
    )


def expected(maps: ColourMaps) -> NDArray[np.float64]:
    """As DINOv3's notebook has it."""
    values = np.asarray(maps.values, np.float64)
    return 1 / (1 + np.exp(-2 * values / SPREAD))


def test_a_colour_is_that_of_the_notebook() -> None:
    maps = tinted(0)
    np.testing.assert_allclose(colours_of(maps)[..., :3], expected(maps), atol=1e-6)
    assert (colours_of(maps)[..., 3] == 1).all()
    huge = ColourMaps(values=maps.values * 1e6, spread=np.zeros(3), label="")
    assert np.isfinite(colours_of(huge)).all()


@pytest.mark.parametrize("grid", [(3, 5), (7, 2)])
def test_tiles_have_the_colours(grid: tuple[int, int]) -> None:
    maps = tinted(1, grid)
    figure = plot_maps(picture(0, grid), maps)
    seen, alone, over = figure.axes  # and no colour bar
    pixels = drawn(figure)
    np.testing.assert_allclose(patches_of(seen, pixels, grid), 0, atol=0.01)
    # Between middles colours change steeply: a pixel beside the middle may differ a little.
    np.testing.assert_allclose(patches_of(alone, pixels, grid), expected(maps), atol=0.06)
    grey = 0.15  # what is left of black below them
    np.testing.assert_allclose(
        patches_of(over, pixels, grid), 0.6 * expected(maps) + 0.4 * grey, atol=0.06
    )
    assert {"what the model saw", "components", "over what the model saw"} <= set(texts_of(figure))
    assert "a colour means the same in all pictures" in " ".join(texts_of(figure))


def test_what_is_not_shown_is_black_alone_and_grey_over_the_picture() -> None:
    shown = np.zeros(GRID, bool)
    shown[1, 1:4] = True
    maps = tinted(2, shown=shown)
    figure = plot_maps(picture(255), maps)
    pixels = drawn(figure)
    alone, over = (patches_of(axes, pixels, GRID) for axes in figure.axes[1:])
    np.testing.assert_allclose(alone[~shown], 0, atol=0.01)
    np.testing.assert_allclose(alone[shown], expected(maps)[shown], atol=0.06)
    np.testing.assert_allclose(over[~shown], 0.9, atol=0.01)
    assert (np.ptp(over[shown], axis=-1) > 0.05).any()


def test_colours_go_over_into_each_other_and_stay_in_range() -> None:
    values = np.full((*GRID, 3), -99.0, np.float32)
    values[1, 2] = 99
    figure = plot_maps(picture(), ColourMaps(values=values, spread=SPREAD, label="one"))
    fine = patches_of(figure.axes[1], drawn(figure), (3 * 28, 5 * 28))[..., 0]
    line = fine[42, 42:70]  # from the left neighbour's middle to the right one's
    assert ((line > 0.1) & (line < 0.9)).sum() > 10  # no steps
    # Where the cubic goes below black it stays black, and does not begin again at white.
    assert fine[:14].max() < 0.05
    assert fine[:, :28].max() < 0.05


def test_equal_values_have_equal_colours_in_all_pictures_and_models() -> None:
    one, other = tinted(3), tinted(4)
    same = np.asarray(other.values).copy()
    same[2, 4] = one.values[0, 1]
    other = ColourMaps(values=same, spread=SPREAD, label="components")
    entries = [SheetEntry(picture(), maps, "a.png") for maps in (one, other)]
    sheet = contact_sheet(entries)
    compared = compare_models({"a": entries[:1], "b": entries[1:]})
    for figure, places in ((sheet, (1, 3)), (compared, (1, 3))):
        pixels = drawn(figure)
        first, second = (patches_of(figure.axes[place], pixels, GRID) for place in places)
        np.testing.assert_allclose(first[0, 1], second[2, 4], atol=0.05)
        np.testing.assert_allclose(first, expected(one), atol=0.09)
        np.testing.assert_allclose(second, expected(other), atol=0.09)


def test_a_sheet_and_a_comparison_have_no_bar_and_no_room_for_it() -> None:
    entry = SheetEntry(picture(), tinted(5), "a.png")
    for figure in (contact_sheet([entry] * 3), compare_models({"a": [entry], "b": [entry]})):
        assert not any(axes.get_ylabel() for axes in figure.axes)
        right = max(axes.get_window_extent().x1 for axes in figure.axes)
        assert figure.bbox.x1 - right < 0.2 * figure.dpi
        words = " ".join(texts_of(figure))
        assert "components" in words
        assert "a colour means the same in all pictures" in words
        assert ("of a model" in words) == ("b" in texts_of(figure))


INSIDE = (0.0, 0.3, 1.0, 0.8)


@pytest.mark.parametrize(
    "draw",
    [
        lambda entry: plot_maps(entry.pixels, entry.maps, inside=INSIDE),
        lambda entry: contact_sheet([entry] * 2),
        lambda entry: compare_models({"a": [entry], "b": [entry]}),
    ],
)
def test_padding_is_left_out(draw) -> None:  # type: ignore[no-untyped-def]
    pixels = np.full((40, 56, 3), (0, 0, 255), np.uint8)
    pixels[12:32] = (200, 100, 0)
    figure: Figure = draw(SheetEntry(pixels, tinted(6, (5, 7)), "a.png", inside=INSIDE))
    for axes in figure.axes:
        assert (axes.get_xlim(), axes.get_ylim()) == ((0.0, 7.0), (4.0, 1.5))


@pytest.mark.parametrize("models", [1, 3])
@pytest.mark.parametrize("pictures", [1, 4])
def test_no_text_is_clipped_or_overlaps(models: int, pictures: int) -> None:
    long = "a name that is far too long " * 9
    entry = SheetEntry(picture(), tinted(7), "x" * 200, long)
    if models > 1:
        of_models = {f"{name} {long}": [entry] * pictures for name in range(models)}
        figure = compare_models(of_models, note="untrained: random weights")
    else:
        figure = contact_sheet([entry] * pictures, model=long, note="untrained: random weights")
    texts = texts_of(figure)
    for text, box in texts.items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes), text
    for (text, box), (other, its_box) in itertools.combinations(texts.items(), 2):
        assert not box.overlaps(its_box), (text, other)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match="expected"):
        ColourMaps(values=np.zeros((3, 5)), spread=SPREAD, label="")
