import itertools
import warnings

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from plots.drawn_figures import drawn, drawn_on, texts_of
from vitonnx.errors import UsageError
from vitonnx.plots import (
    plot_first_and_last_head,
    plot_table_by_block,
    plot_table_by_head,
    plot_tables,
)
from vitonnx.probes import Distance, Summary, Table

UNIT = "mean attention distance (pixels)"


def total(
    blocks: int = 5, heads: int = 3, *, count: int = 7, seed: int = 0, renormalize: bool = False
) -> Table:
    """Distances of 20 to 90 pixels that deviate by 1 to 3."""
    rng = np.random.default_rng(seed)
    mean, std = rng.uniform(20, 90, (blocks, heads)), rng.uniform(1, 3, (blocks, heads))
    return Distance(renormalize=renormalize).table(Summary(count, mean, std * std * count))


def points_of(figure: Figure) -> NDArray[np.float64]:
    (points,) = (part for part in figure.axes[0].collections if isinstance(part, PathCollection))
    return np.asarray(points.get_offsets())


def test_every_head_is_a_point_in_its_block_sorted() -> None:
    found = total()
    points = points_of(plot_table_by_block(found)).reshape(5, 3, 2)
    np.testing.assert_allclose(points[..., 1], np.sort(found.values, axis=1))
    np.testing.assert_array_equal(np.round(points[..., 0]), np.arange(5)[:, None].repeat(3, 1))
    assert (np.diff(points[..., 0], axis=1) > 0.1).all()


def test_the_colour_says_which_head_it_is() -> None:
    found = total()
    figure = plot_table_by_block(found)
    drawn(figure)
    (points,) = (part for part in figure.axes[0].collections if isinstance(part, PathCollection))
    colours = np.asarray(points.get_facecolor()).reshape(5, 3, 4)
    order = found.values.argsort(axis=1)
    of_heads = [{tuple(colour) for colour in colours[order == head]} for head in range(3)]
    assert [len(of_head) for of_head in of_heads] == [1, 1, 1]
    assert len(set.union(*of_heads)) == 3


def test_bars_are_one_standard_deviation_to_both_sides() -> None:
    found = total()
    bars = plot_table_by_block(found).axes[0].collections[0]
    ends = np.array([np.asarray(path.vertices)[:, 1] for path in bars.get_paths()])
    order = found.values.argsort(axis=1)
    mean, std = (np.take_along_axis(part, order, 1).ravel() for part in (found.values, found.std))
    np.testing.assert_allclose(ends, np.stack([mean - std, mean + std], axis=1))


def test_first_and_last_head_are_lines() -> None:
    found = total()
    first, last = plot_first_and_last_head(found).axes[0].lines
    np.testing.assert_array_equal(first.get_ydata(), found.values[:, 0])
    np.testing.assert_array_equal(last.get_ydata(), found.values[:, 2])
    assert [first.get_label(), last.get_label()] == ["head 0", "head 2"]
    assert first.get_color() != last.get_color()
    np.testing.assert_array_equal(
        points_of(plot_first_and_last_head(found))[:, 1], found.values.ravel()
    )


def test_one_head_is_first_and_last() -> None:
    (line,) = plot_first_and_last_head(total(heads=1)).axes[0].lines
    assert line.get_label() == "head 0"


@pytest.mark.parametrize(
    ("blocks", "depth", "chosen"),
    [
        (None, 7, [0, 1, 5, 6]),
        (None, 3, [0, 1, 2]),
        (None, 1, [0]),
        ([4, -1, 1, 6], 7, [4, 6, 1]),
    ],
)
def test_some_blocks_head_by_head(blocks: list[int] | None, depth: int, chosen: list[int]) -> None:
    found = total(depth)
    lines = plot_table_by_head(found, blocks=blocks).axes[0].lines
    assert [line.get_label() for line in lines] == [f"block {block}" for block in chosen]
    for line, block in zip(lines, chosen, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), found.values[block])
        np.testing.assert_array_equal(line.get_xdata(), np.arange(3))
    assert len({str(line.get_color()) for line in lines}) == len(chosen)


def test_a_block_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="there is no block 5; the model has blocks 0 to 4"):
        plot_table_by_head(total(), blocks=[1, 5])


def test_each_picture_can_stand_in_any_axes() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot_table_by_block(total(), ax=left) is figure
    assert plot_first_and_last_head(total(), ax=right) is figure
    assert plot_table_by_head(total(), ax=right) is figure
    assert left.get_ylabel() == right.get_ylabel() == UNIT
    left.remove()
    with pytest.raises(UsageError, match="were removed"):
        plot_table_by_block(total(), ax=left)


def test_one_model_has_its_three_pictures_side_by_side() -> None:
    axes = plot_tables({"vit_tiny": total()}).axes
    assert len(axes) == 3
    assert len({part.get_position().y0 for part in axes}) == 1
    assert len({part.get_ylim() for part in axes}) == 1


def test_models_stand_side_by_side_on_one_scale() -> None:
    axes = plot_tables({"small": total(5, 3), "large": total(7, 5, seed=1)}).axes
    columns = {part.get_position().x0 for part in axes}
    assert (len(axes), len(columns)) == (6, 2)
    (limits,) = {part.get_ylim() for part in axes}
    highest = max((found.values + found.std).max() for found in (total(), total(7, 5, seed=1)))
    assert limits[0] == 0
    assert highest < limits[1] < 1.1 * highest


def test_the_caption_says_all_there_is_to_say() -> None:
    figure = plot_tables(
        {"small": total(renormalize=True), "large": total(renormalize=True)},
        note="untrained: random weights",
    )
    texts = texts_of(figure)
    assert {"Mean attention distance", "small", "large", "untrained: random weights"} <= set(texts)
    caption = " ".join(texts)
    assert "mean over 7 pictures; bars and bands: one standard deviation" in caption
    assert "attention rescaled over the patches" in caption
    assert "mean over 1,000,000 pictures" in " ".join(
        texts_of(plot_tables({"a": total(count=1_000_000)}))
    )
    assert "mean over 1 picture;" in " ".join(texts_of(plot_tables({"a": total(count=1)})))


@pytest.mark.parametrize("shapes", [[(1, 1)], [(24, 16)], [(12, 6), (24, 16), (2, 1)]])
def test_no_text_is_clipped_or_overlaps(shapes: list[tuple[int, int]]) -> None:
    name = "a model with a name that is far too long"
    figure = plot_tables(
        {
            f"{number} {name}": total(*shape, renormalize=True)
            for number, shape in enumerate(shapes)
        },
        note="untrained: random weights",
    )
    renderer = drawn_on(figure).get_renderer()
    texts = [(text.get_text(), text.get_window_extent(renderer)) for text in figure.texts]
    # With their numbers, units, legends and keys.
    boxes = [(str(axes), bounds(axes.get_tightbbox(renderer))) for axes in figure.axes]
    for what, box in texts + boxes:
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, what
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, what
    for (what, box), (other, its_box) in itertools.combinations(texts + boxes, 2):
        assert not box.overlaps(its_box), (what, other)


def bounds(box: Bbox | None) -> Bbox:
    assert box is not None
    return box


def test_a_broken_model_is_drawn_without_a_word() -> None:
    broken = Summary(3, np.full((2, 3), np.nan), np.full((2, 3), np.nan))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(plot_tables({"broken": Distance().table(broken)}))


def test_nothing_to_draw() -> None:
    with pytest.raises(UsageError, match="no model to draw"):
        plot_tables({})


def test_inputs_are_left_as_they_are() -> None:
    found, before = total(), total()
    drawn(plot_tables({"vit": found}))
    np.testing.assert_array_equal(found.values, before.values)
    assert found.std is not None
    assert before.std is not None
    np.testing.assert_array_equal(found.std, before.std)
