import itertools
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from numpy.typing import NDArray

from plots.drawn_figures import drawn, texts_of
from vitonnx.plots import plot_matrices, plot_matrix
from vitonnx.probes import Matrix, PositionsResult, position_similarity

LONG = "a model with a name that is far too long " * 5


def positions_result(
    grid: tuple[int, int], metric: Any = "cosine", seed: int = 0
) -> PositionsResult:
    embedding = np.random.default_rng(seed).normal(size=(grid[0] * grid[1], 13)).astype(np.float32)
    similarity = position_similarity(embedding, grid=grid, prefix=0, metric=metric)
    return PositionsResult(similarity=similarity, grid=grid, metric=metric)


def image_of(axes: Axes) -> NDArray[np.float32]:
    (image,) = axes.get_images()
    array: NDArray[np.float32] = np.ma.getdata(np.ma.asarray(image.get_array()))
    return array


@pytest.mark.parametrize("grid", [(3, 5), (5, 3), (17, 16)])
def test_each_patch_has_its_tile(grid: tuple[int, int]) -> None:
    result, (rows, columns) = positions_result(grid), grid
    tiles, matrix, _ = plot_matrices({"vit": result.finding}).axes
    plate, gap = image_of(tiles), max(1, rows // 8)
    for patch, similarity in enumerate(result.similarity):
        row, column = divmod(patch, columns)
        top, left = row * (rows + gap), column * (columns + gap)
        place = plate[top : top + rows, left : left + columns]
        np.testing.assert_array_equal(place, similarity.reshape(grid))
    assert np.isnan(plate[rows]).all()
    assert np.isnan(plate[:, columns]).all()
    np.testing.assert_array_equal(image_of(matrix), result.similarity)


@pytest.mark.parametrize("grid", [(3, 5), (5, 3), (17, 16)])
def test_ticks_count_the_tiles_at_their_middles(grid: tuple[int, int]) -> None:
    figure = plot_matrices({"vit": positions_result(grid).finding})
    drawn(figure)
    tiles, (rows, columns) = figure.axes[0], grid
    gap = max(1, rows // 8)
    left, right, bottom, top = tiles.get_images()[0].get_extent()
    height, width = image_of(tiles).shape
    for tile in range(columns):
        middle = (tile * (columns + gap) + columns / 2) / width
        assert left + middle * (right - left) == pytest.approx(tile)
    for tile in range(rows):
        middle = (tile * (rows + gap) + rows / 2) / height
        assert top + middle * (bottom - top) == pytest.approx(tile)
    for axis, tiles_there in ((tiles.xaxis, columns), (tiles.yaxis, rows)):
        shown = [tick for tick in axis.get_majorticklocs() if 0 <= tick < tiles_there]
        assert len(shown) >= 3
        assert all(tick == int(tick) for tick in shown)
    assert (tiles.get_xlabel(), tiles.get_ylabel()) == ("column of the patch", "row of the patch")


@pytest.mark.parametrize("grid", [(3, 5), (5, 3)])
def test_patches_are_squares(grid: tuple[int, int]) -> None:
    figure = plot_matrices({"vit": positions_result(grid).finding})
    for axes in figure.axes[:2]:
        box = axes.get_window_extent()
        height, width = image_of(axes).shape
        assert box.height / height == pytest.approx(box.width / width, rel=1e-3)


def test_colours_of_the_cosine_are_those_from_minus_one_to_one() -> None:
    result = positions_result((3, 5))
    figure = plot_matrices({"vit": result.finding})
    matrix, bar = figure.axes[1:]
    assert bar.get_ylim() == (-1, 1)
    assert bar.get_ylabel() == "cosine similarity"
    pixels, box = drawn(figure), matrix.get_window_extent()
    for one, other in [(0, 0), (2, 13), (14, 7)]:
        x = int(box.x0 + (other + 0.5) / 15 * box.width)
        y = int(pixels.shape[0] - box.y1 + (one + 0.5) / 15 * box.height)
        expected = mpl.colormaps["inferno"]((float(result.similarity[one, other]) + 1) / 2)
        np.testing.assert_allclose(pixels[y, x], expected[:3], atol=0.02)


def test_colours_of_the_dot_product_begin_at_the_lowest() -> None:
    result = positions_result((5, 7), "dot")
    low, high = plot_matrices({"vit": result.finding}).axes[-1].get_ylim()
    assert low == pytest.approx(result.similarity.min())
    assert high == pytest.approx(np.percentile(result.similarity, 99.5))


def test_models_stand_side_by_side() -> None:
    results = {
        "dino": positions_result((3, 5)),
        "deit": positions_result((5, 3)),
        "vit": positions_result((5, 7)),
    }
    findings = {name: result.finding for name, result in results.items()}
    figure = plot_matrices(findings, note="untrained: random weights")
    assert len(figure.axes) == 9
    for column, result in enumerate(results.values()):
        tiles, matrix, bar = figure.axes[3 * column : 3 * column + 3]
        np.testing.assert_array_equal(image_of(matrix), result.similarity)
        assert matrix.get_position().y1 < tiles.get_position().y0
        assert tiles.get_position().x1 < bar.get_position().x0
    for one, other in itertools.pairwise(figure.axes[::3]):
        assert one.get_position().x1 < other.get_position().x0
        assert one.get_position().y1 == pytest.approx(other.get_position().y1)
    texts = texts_of(figure)
    assert texts["dino"].x0 < texts["deit"].x0 < texts["vit"].x0


@pytest.mark.parametrize(("models", "metric"), [(1, "dot"), (2, "cosine")])
@pytest.mark.parametrize("grid", [(1, 1), (3, 5), (7, 2), (28, 28)])
def test_no_text_is_clipped_or_overlaps(models: int, metric: str, grid: tuple[int, int]) -> None:
    findings = {f"{name} {LONG}": positions_result(grid, metric).finding for name in range(models)}
    figure = plot_matrices(findings, note="untrained: random weights")
    drawn(figure)
    texts = list(texts_of(figure).items())
    for axes in figure.axes:
        low, high = sorted(axes.get_xlim())
        shown = [axes.xaxis.label, axes.yaxis.label]
        shown += [
            tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high
        ]
        texts += [(text.get_text(), text.get_window_extent()) for text in shown if text.get_text()]
    for text, box in texts:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
        for axes in figure.axes:
            assert not box.overlaps(axes.get_window_extent()), text


def blocks(rows: int, columns: int) -> Matrix:
    values = np.random.default_rng(0).random((rows, columns))
    return Matrix(values=values, unit="similarity", item="block of dino", other="block of deit")


@pytest.mark.parametrize(("rows", "columns"), [(12, 12), (24, 12), (7, 12), (3, 11)])
def test_blocks_of_two_models(rows: int, columns: int) -> None:
    matrix = blocks(rows, columns)
    for figure in (plot_matrices({"dino": matrix}), plot_matrix(matrix)):
        drawn(figure)
        axes = figure.axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel()) == ("block of deit", "block of dino")
        np.testing.assert_array_equal(image_of(axes), matrix.values)
        box = axes.get_window_extent()
        # Cells are squares.
        assert box.width / columns == pytest.approx(box.height / rows, rel=0.02)
        for axis, count in ((axes.xaxis, columns), (axes.yaxis, rows)):
            shown = [tick for tick in axis.get_majorticklocs() if -0.5 <= tick <= count - 0.5]
            assert all(tick == int(tick) for tick in shown)
            if count <= 16:
                assert shown == list(range(count))


def test_a_strip_keeps_room_for_its_bar() -> None:
    figure = plot_matrices({"a": blocks(2, 196), "b": blocks(196, 2)})
    drawn(figure)
    for axes in figure.axes:
        box = axes.get_window_extent()
        assert max(box.width, box.height) > figure.dpi
    for one, other in itertools.combinations(figure.axes, 2):
        assert not one.get_window_extent().overlaps(other.get_window_extent())
    for text, box in texts_of(figure).items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text


def test_items_that_are_all_alike_are_named_once_for_both() -> None:
    matrix = Matrix(values=np.eye(5), unit="similarity", item="block")
    (axes,) = plot_matrix(matrix).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("block", "block")
