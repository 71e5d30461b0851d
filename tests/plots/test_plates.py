import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from plots.drawn_figures import drawn, texts_of
from vitonnx.plots import plot_plates
from vitonnx.plots._plate import scale_each
from vitonnx.probes import FiltersResult

LONG = "a model with a name that is far too long " * 5


def filters_result(
    count: int, components: int = 0, rows: int = 5, columns: int = 7, seed: int = 0
) -> FiltersResult:
    rng = np.random.default_rng(seed)
    shape = rows, columns, 3
    return FiltersResult(
        filters=rng.normal(size=(count, *shape)).astype(np.float32),
        components=rng.normal(size=(components, *shape)).astype(np.float32) if components else None,
        explained_variance_ratio=0.5 ** np.arange(1, components + 1) if components else None,
    )


def test_every_filter_is_scaled_as_in_the_notebook() -> None:
    """probing-vits: scikit-learn's MinMaxScaler on (weights, filters), which scales columns."""
    filters = filters_result(11).filters
    columns = filters.reshape(11, -1).T
    notebook = (columns - columns.min(axis=0)) / (columns.max(axis=0) - columns.min(axis=0))
    np.testing.assert_allclose(scale_each(filters), notebook.T.reshape(filters.shape), rtol=1e-6)


def test_a_filter_of_one_value_is_black() -> None:
    np.testing.assert_array_equal(scale_each(np.full((2, 5, 7, 3), 0.3, np.float32)), 0)


@pytest.mark.parametrize("count", [128, 5, 33])
def test_filters_stand_in_rows_of_sixteen(count: int) -> None:
    result = filters_result(count, rows=8, columns=8)
    (axes,) = plot_plates({"vit": result.finding}).axes
    (image,) = axes.get_images()
    plate: NDArray[np.float32] = np.asarray(image.get_array())
    for index, scaled in enumerate(scale_each(result.filters)):
        row, column = divmod(index, 16)
        place = plate[row * 9 : row * 9 + 8, column * 9 : column * 9 + 8]
        np.testing.assert_array_equal(place, scaled)
    assert plate.shape == (-(-count // 16) * 9 - 1, 16 * 9 - 1, 3)
    np.testing.assert_array_equal(plate[:, 8::9], 1)
    np.testing.assert_array_equal(plate[8::9], 1)
    if count % 16:
        np.testing.assert_array_equal(plate[-8:, count % 16 * 9 :], 1)


def test_filters_are_drawn_with_square_pixels_of_their_colours() -> None:
    result = filters_result(16, rows=8, columns=8)
    figure = plot_plates({"vit": result.finding})
    (axes,) = figure.axes
    pixels, box = drawn(figure), axes.get_position()
    height, width, _ = pixels.shape
    across, down = box.width * width / 143, box.height * height / 8
    assert across == pytest.approx(down, rel=5e-3)  # the page ends at a whole dot
    scaled = scale_each(result.filters)
    for index, row, column in [(0, 0, 0), (3, 2, 5), (15, 7, 7)]:
        y = (1 - box.y1) * height + (row + 0.5) * down
        x = box.x0 * width + (index * 9 + column + 0.5) * across
        np.testing.assert_allclose(pixels[int(y), int(x)], scaled[index, row, column], atol=0.01)


def test_components_have_their_shares() -> None:
    result = filters_result(33, components=9)
    figure = plot_plates({"vit": result.finding})
    assert len(figure.axes) == 10
    texts = texts_of(figure)
    label = "9 principal components, and the variance that each explains: 100% together"
    assert {"50.0%", "25.0%", "12.5%", "0.2%", label} <= set(texts)
    assert result.components is not None
    for axes, scaled in zip(figure.axes[1:], scale_each(result.components), strict=True):
        np.testing.assert_array_equal(np.asarray(axes.get_images()[0].get_array()), scaled)
    # In rows of seven, the largest share first.
    tops = [round(axes.get_position().y1, 6) for axes in figure.axes[1:]]
    assert len(set(tops[:7])) == 1
    assert tops[7] == tops[8] < tops[0]


def test_models_stand_side_by_side() -> None:
    results = {
        "dino": filters_result(33, 3).finding,
        "deit": filters_result(128, 8, 3, 3).finding,
        "vit": filters_result(7).finding,
    }
    figure = plot_plates(results, note="untrained: random weights")
    plates = [figure.axes[0], figure.axes[4], figure.axes[13]]
    boxes = [axes.get_position() for axes in plates]
    assert len({round(box.y1, 6) for box in boxes}) == 1
    for one, other in itertools.pairwise(boxes):
        assert one.x1 < other.x0
    texts = texts_of(figure)
    assert texts["dino"].x0 < texts["deit"].x0 < texts["vit"].x0
    assert {"the first 33 filters", "the first 128 filters", "the first 7 filters"} <= set(texts)
    assert "untrained: random weights" in texts


@pytest.mark.parametrize(
    ("models", "rows", "columns"), [(3, 5, 7), (1, 11, 3), (1, 32, 32), (3, 32, 32)]
)
def test_no_text_is_clipped_or_overlaps(models: int, rows: int, columns: int) -> None:
    results = {
        f"{name} {LONG}": filters_result(40, 28, rows, columns).finding for name in range(models)
    }
    figure = plot_plates(results, note="untrained: random weights")
    renderer_boxes = [(text, box) for text, box in texts_of(figure).items()]
    tiles = [axes.get_window_extent() for axes in figure.axes]
    for text, box in renderer_boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        assert not any(box.overlaps(tile) for tile in tiles), text
    for (text, box), (other, its_box) in itertools.combinations(renderer_boxes, 2):
        assert not box.overlaps(its_box), (text, other)
    for one, other_tile in itertools.combinations(tiles, 2):
        assert not one.overlaps(other_tile)
