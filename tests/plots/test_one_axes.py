"""Functions that draw one axes: where they are asked to, or in a figure of their own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeAlias

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec

from plots.drawn_figures import drawn, heads_result
from vitonnx import plots
from vitonnx.errors import UsageError
from vitonnx.probes import (
    Distance,
    DistanceResult,
    FiltersResult,
    Histogram,
    Maps,
    PositionsResult,
    RolloutResult,
)

Draw: TypeAlias = Callable[[Axes | None], Figure]

rng = np.random.default_rng(5)
PIXELS = rng.integers(0, 256, (48, 80, 3), dtype=np.uint8)
ATTENTION = rng.uniform(size=(6, 3, 5)).astype(np.float32)
HEADS = heads_result(ATTENTION, mass=0.6, query="20,40", patch=(1, 2))
ROLLOUT = RolloutResult(rollout=rng.uniform(size=(3, 5)).astype(np.float32))
DISTANCES = [DistanceResult(distance=rng.uniform(1, 90, (7, 3))) for _ in range(2)]
TABLE = Distance().table(Distance().summary(DISTANCES))
FILTERS = FiltersResult(
    filters=rng.normal(size=(33, 5, 7, 3)).astype(np.float32),
    components=None,
    explained_variance_ratio=None,
)
POSITIONS = PositionsResult(
    similarity=rng.uniform(-1, 1, (15, 15)).astype(np.float32), grid=(3, 5), metric="cosine"
)
HISTOGRAM = Histogram(
    counts=rng.integers(0, 999, 33),
    edges=np.linspace(3, 70, 34),
    unit="norm of a patch token",
    title="Norms",
    threshold=50.0,
    beyond="a sentence about what lies above the threshold, long enough for two lines",
)
DRAWN: dict[str, Draw] = {
    "plot_first_and_last_head": lambda ax: plots.plot_first_and_last_head(TABLE, ax=ax),
    "plot_histogram": lambda ax: plots.plot_histogram(HISTOGRAM, ax=ax),
    "plot_map": lambda ax: plots.plot_map(PIXELS, HEADS.finding, ax=ax),
    "plot_matrix": lambda ax: plots.plot_matrix(POSITIONS.finding, ax=ax),
    "plot_plate": lambda ax: plots.plot_plate(FILTERS.finding, ax=ax),
    "plot_table_by_block": lambda ax: plots.plot_table_by_block(TABLE, ax=ax),
    "plot_table_by_head": lambda ax: plots.plot_table_by_head(TABLE, ax=ax),
    "plot_tiles": lambda ax: plots.plot_tiles(POSITIONS.finding, ax=ax),
}
PAGES = ["compare_models", "contact_sheet", "plot_maps", "plot_matrices", "plot_plates"]
PAGES += ["plot_curves", "plot_findings", "plot_histograms", "plot_results", "plot_tables"]


def test_every_function_takes_axes_or_says_that_it_is_a_page() -> None:
    drawing = [name for name in plots.__all__ if name in PAGES or name.startswith("plot_")]
    assert {*DRAWN, *PAGES} <= set(drawing)
    for name in drawing:
        function = getattr(plots, name)
        assert ("ax" in inspect.signature(function).parameters) == (name not in PAGES), name
        says = " ".join(function.__doc__.split())
        assert ("is a whole page and takes no `ax`" in says) == (name in PAGES), name


@pytest.mark.parametrize("name", DRAWN)
def test_it_draws_where_it_is_asked_to(name: str) -> None:
    settings = dict(mpl.rcParams)
    figure = Figure(figsize=(9, 4))
    left, right = figure.subplots(1, 2)
    before = drawn(figure)
    assert DRAWN[name](right) is figure
    assert figure.axes == [left, right]  # a key of colours belongs to its axes
    after = drawn(figure)
    middle = after.shape[1] * 45 // 100
    np.testing.assert_array_equal(after[:, :middle], before[:, :middle])
    assert (after[:, middle:] != before[:, middle:]).any()
    assert dict(mpl.rcParams) == settings


@pytest.mark.parametrize("name", DRAWN)
def test_it_draws_in_a_part_of_a_figure(name: str) -> None:
    figure = Figure(figsize=(9, 4))
    part = figure.add_subfigure(GridSpec(1, 2, figure)[0])
    assert DRAWN[name](part.subplots()) is figure
    drawn(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_without_axes_it_has_a_figure_of_its_own(name: str) -> None:
    figure = DRAWN[name](None)
    assert len(figure.axes) == 1
    pixels = drawn(figure)
    # Nothing is cut off: the outermost dots on all sides are paper.
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        np.testing.assert_array_equal(edge, 1)


@pytest.mark.parametrize("name", DRAWN)
def test_axes_without_a_figure_are_refused(name: str) -> None:
    axes = Figure().subplots()
    axes.remove()
    with pytest.raises(UsageError, match="removed from their figure"):
        DRAWN[name](axes)


def map_in(figure: Figure) -> np.ndarray:
    return np.asarray(figure.axes[0].get_images()[1].get_array())


@pytest.mark.parametrize("head", [None, 0, 5])
def test_a_map_is_that_of_a_head_or_of_the_mean(head: int | None) -> None:
    figure = plots.plot_map(PIXELS, HEADS.finding, part=head)
    high = np.percentile(HEADS.attention, 99.5)  # of all heads, whichever is drawn
    expected = HEADS.mean if head is None else HEADS.attention[head]
    np.testing.assert_allclose(map_in(figure), np.clip(expected, 0, high), rtol=1e-6)
    (key,) = figure.axes[0].child_axes
    assert key.get_ylabel() == "attention weight"
    assert key.get_ylim() == pytest.approx((0, high))


def test_a_map_of_a_rollout() -> None:
    figure = plots.plot_map(PIXELS, ROLLOUT.finding)
    low, high = float(ROLLOUT.rollout.min()), np.percentile(ROLLOUT.rollout, 99.5)
    np.testing.assert_allclose(map_in(figure), np.clip(ROLLOUT.rollout, low, high), rtol=1e-6)
    assert figure.axes[0].child_axes[0].get_ylabel() == "rollout weight"


def test_a_map_keeps_the_shape_of_its_picture() -> None:
    figure = plots.plot_map(PIXELS, HEADS.finding, ax=Figure(figsize=(5, 5)).subplots())
    drawn(figure)
    box = figure.axes[0].get_window_extent()
    assert box.height / box.width == pytest.approx(48 / 80, rel=1e-3)


@pytest.mark.parametrize(
    ("maps", "part", "says"),
    [(HEADS.finding, 6, "no part 6: mean of the heads has parts 0 to 5"),
     (HEADS.finding, -1, "no part -1"), (ROLLOUT.finding, 0, "leave the part out")],
)  # fmt: skip
def test_parts_that_there_are_not(maps: Maps, part: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        plots.plot_map(PIXELS, maps, part=part)


def test_one_scale_serves_tiles_and_matrix() -> None:
    for plot in (plots.plot_tiles, plots.plot_matrix):
        (key,) = plot(POSITIONS.finding).axes[0].child_axes
        assert (key.get_ylim(), key.get_ylabel()) == ((-1, 1), "cosine similarity")
