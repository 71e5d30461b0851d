"""Classes of patches: their colours, the legend, and that nothing lies between two classes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from plots.drawn_figures import drawn, patches_of, texts_of
from vitonnx.plots import Legend, SheetEntry, compare_models, contact_sheet, plot_maps
from vitonnx.plots._legend import COLOURS
from vitonnx.probes import ClassMaps

GRID = (3, 5)
NAMES = tuple(f"bird {number}" for number in range(20))


def picture(level: int = 0, grid: tuple[int, int] = GRID) -> NDArray[np.uint8]:
    return np.full((grid[0] * 16, grid[1] * 16, 3), level, np.uint8)


def classes(values: object, names: tuple[str, ...] | None = NAMES) -> ClassMaps:
    array = np.atleast_3d(np.asarray(values, np.int64))
    if array.ndim == 3 and array.shape[2] == 1:
        array = np.moveaxis(array, -1, 0)
    labels = tuple(f"choice {number}" for number in range(len(array)))
    return ClassMaps(values=array, labels=labels, classes=names, details=("block 11",))


def swatches_of(figure: Figure) -> list[NDArray[np.float64]]:
    return [
        np.array(patch.get_facecolor()[:3])
        for axes in figure.axes
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    ]


FEW = np.array([[3, 3, 3, 3, 3], [7, 7, 7, 5, 5], [3, 3, 7, 7, 5]])  # 7, 5 and 3 times


def test_each_class_has_its_colour_and_its_name() -> None:
    figure = plot_maps(picture(), classes(FEW))
    colours = patches_of(figure.axes[1], drawn(figure), GRID)
    below = 0.4 * 0.15  # what is left of black
    for rank, number in enumerate((3, 7, 5)):
        wanted = 0.6 * COLOURS[rank] + below
        of_class = colours[number == FEW]
        np.testing.assert_allclose(of_class, np.broadcast_to(wanted, of_class.shape), atol=0.01)
    assert {"bird 3 47%", "bird 7 33%", "bird 5 20%"} <= set(texts_of(figure))
    assert not any("other" in text for text in texts_of(figure))
    for swatch, colour in zip(swatches_of(figure), COLOURS, strict=False):
        np.testing.assert_allclose(swatch, 0.6 * colour + 0.4 * 0.4)


def test_classes_without_names_are_numbered() -> None:
    figure = plot_maps(picture(), classes(FEW, None))
    assert {"class 3 47%", "class 7 33%", "class 5 20%"} <= set(texts_of(figure))
    beyond = plot_maps(picture(), classes(FEW, NAMES[:4]))  # a head with more classes than names
    assert {"bird 3 47%", "class 7 33%"} <= set(texts_of(beyond))


def test_nothing_lies_between_two_classes() -> None:
    figure = plot_maps(picture(), classes(FEW))
    fine = patches_of(figure.axes[1], drawn(figure), (3 * 28, 5 * 28)).reshape(-1, 3)
    assert len(np.unique((fine * 255).round(), axis=0)) == 3


def test_at_most_eight_have_colours_and_the_others_are_grey() -> None:
    values = np.arange(12) % 12
    maps = classes(np.r_[values, values[:8]].reshape(4, 5))  # the first eight are there twice
    figure = plot_maps(picture(255, (4, 5)), maps)
    colours = patches_of(figure.axes[1], drawn(figure), (4, 5))
    coloured = np.ptp(colours, axis=-1) > 0.05
    np.testing.assert_array_equal(coloured, maps.values[0] < 8)
    assert len(np.unique(colours[coloured].round(2), axis=0)) == 8
    texts = texts_of(figure)
    assert "other classes 20%" in texts
    assert "bird 9 5%" not in texts
    assert len(swatches_of(figure)) == 9


def test_a_sheet_has_one_legend() -> None:
    first, second = classes(FEW), classes(np.full(GRID, 5))
    figure = contact_sheet([SheetEntry(picture(), maps, "a.png") for maps in (first, second)])
    pixels = drawn(figure)
    one, other = (patches_of(figure.axes[place], pixels, GRID) for place in (1, 3))
    np.testing.assert_allclose(one[1, 4], other[0, 0], atol=0.01)  # both are class 5
    assert {"bird 5 60%", "bird 3 23%", "bird 7 17%"} <= set(texts_of(figure))
    assert {"choice 0"}.isdisjoint(texts_of(figure))


def test_models_are_compared_with_one_legend_and_not_mistaken() -> None:
    others = tuple(f"fish {number}" for number in range(20))
    models = {
        "dino": [SheetEntry(picture(), classes(FEW), "a.png")],
        "deit": [SheetEntry(picture(), classes(np.full((7, 5), 5)), "a.png")],
        "fish": [SheetEntry(picture(), classes(np.full(GRID, 5), others), "a.png")],
    }
    figure = compare_models(models)
    pixels = drawn(figure)
    dino = patches_of(figure.axes[1], pixels, GRID)
    deit = patches_of(figure.axes[2], pixels, (7, 5))
    fish = patches_of(figure.axes[3], pixels, GRID)
    np.testing.assert_allclose(dino[1, 4], deit[3, 3], atol=0.01)
    assert np.abs(fish[0, 0] - deit[0, 0]).max() > 0.1  # class 5, too, and something else
    names = [text for text in texts_of(figure) if text.endswith("%")]
    assert [name.rpartition(" ")[0] for name in names] == ["bird 5", "fish 5", "bird 3", "bird 7"]
    assert len(swatches_of(figure)) == 4


def test_padding_has_no_classes() -> None:
    values = np.full((5, 7), 9)
    values[1:4] = 2
    inside = (0.0, 0.3, 1.0, 0.8)
    figure = plot_maps(picture(0, (5, 7)), classes(values), inside=inside)
    assert "bird 2 100%" in texts_of(figure)
    assert not any("bird 9" in text for text in texts_of(figure))
    for axes in figure.axes[:2]:
        assert (axes.get_xlim(), axes.get_ylim()) == ((0.0, 7.0), (4.0, 1.5))


def test_all_maps_of_a_picture_alone_and_the_first_of_several() -> None:
    maps = classes(np.stack([FEW, np.full(GRID, 11)]))
    figure = plot_maps(picture(), maps)
    assert {"choice 0", "choice 1", "bird 11 50%"} <= set(texts_of(figure))
    sheet = contact_sheet([SheetEntry(picture(), maps, "a.png")] * 2)
    assert "choice 0" in " ".join(texts_of(sheet))
    assert not any("bird 11" in text for text in texts_of(sheet))


def test_a_rare_class_has_less_than_a_percent() -> None:
    values = np.zeros(1000, np.int64)
    values[3] = 1
    (legend,) = Legend.of_models([([values], None)])
    assert [words for words, _ in legend.lines()] == ["class 0 100%", "class 1 <1%"]


@pytest.mark.parametrize("grid", [(3, 5), (1, 14), (9, 2)])
@pytest.mark.parametrize("draw", ["one", "sheet", "compared"])
def test_no_text_is_clipped_or_overlaps(draw: str, grid: tuple[int, int]) -> None:
    count = grid[0] * grid[1]
    names = tuple(f"{number} a name that is far too long, as names are" for number in range(99))
    entry = SheetEntry(
        picture(0, grid), classes(np.arange(count).reshape(grid), names), "x" * 99, "finch"
    )
    note = "untrained: random weights"
    figure = {
        "one": lambda: plot_maps(entry.pixels, entry.maps, model="m" * 99, note=note),
        "sheet": lambda: contact_sheet([entry] * 3, model="m" * 99, note=note),
        "compared": lambda: compare_models({"m" * 99: [entry], "n" * 99: [entry]}, note=note),
    }[draw]()
    texts = texts_of(figure)
    for text, box in texts.items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes), text
    for (text, box), (other, its_box) in itertools.combinations(texts.items(), 2):
        assert not box.overlaps(its_box), (text, other)
