"""Histograms: every count is seen, and the share beyond the threshold is right."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.text import Text

from plots.drawn_figures import drawn, texts_of
from vitonnx.plots import plot_findings, plot_histogram, plot_histograms
from vitonnx.probes import Histogram

VALUES = np.r_[np.random.default_rng(0).normal(40, 7, 9973), np.full(27, 191.0)]
COUNTS, EDGES = np.histogram(VALUES, 61)
NORMS = Histogram(
    counts=COUNTS,
    edges=EDGES,
    unit="norm of a patch token",
    title="Norms of patch tokens",
    threshold=100.0,
    beyond="high-norm tokens",
    details=("block 11",),
)


def words_in(axes: Axes) -> Text:
    """What is said of the threshold."""
    legend = axes.get_legend()
    assert legend is not None
    (words,) = legend.get_texts()
    return words


def test_counts_are_drawn_as_they_are() -> None:
    (axes,) = plot_histogram(NORMS).axes
    (steps,) = axes.patches
    values, edges, _ = steps.get_data()  # type: ignore[attr-defined]
    np.testing.assert_array_equal(values, COUNTS)
    np.testing.assert_array_equal(edges, EDGES)
    assert axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    assert low < 1 <= COUNTS.max() < high
    assert axes.get_xlabel() == "norm of a patch token"
    assert axes.get_xlim() == (EDGES[0], EDGES[-1])


def test_one_value_is_seen_and_none_is_not() -> None:
    counts = np.array([1000, 0, 1])
    found = Histogram(counts=counts, edges=np.arange(4.0), unit="norm", title="Norms")
    figure = plot_histogram(found)
    pixels, box = drawn(figure), figure.axes[0].get_window_extent()
    row = int(pixels.shape[0] - box.y0 - 3)
    marks = [
        pixels[row, int(box.x0 + (place + 0.5) / 3 * box.width)].mean() < 0.9 for place in range(3)
    ]
    assert marks == [True, False, True]


@pytest.mark.parametrize(
    ("threshold", "share"), [(100.0, 27 / 10000), (EDGES[0], 1.0), (0.0, 1.0), (999.0, 0.0)]
)
def test_the_share_beyond_the_threshold(threshold: float, share: float) -> None:
    (axes,) = plot_histogram(replace(NORMS, threshold=threshold)).axes
    (line,) = axes.get_lines()
    assert np.unique(line.get_xdata()).tolist() == [threshold]
    assert words_in(axes).get_text() == f"high-norm tokens: {share:.2%}"


def test_a_bin_in_part() -> None:
    found = Histogram(
        counts=np.array([6, 2, 2]), edges=np.arange(4.0), unit="", title="", threshold=1.5
    )
    assert words_in(plot_histogram(found).axes[0]).get_text() == "above: 30.00%"


def test_no_threshold_no_line() -> None:
    (axes,) = plot_histogram(replace(NORMS, threshold=None)).axes
    assert not axes.get_lines()
    assert axes.get_legend() is None


def test_nothing_counted() -> None:
    found = replace(NORMS, counts=np.zeros(61, np.int64))
    drawn(plot_histograms({"dino": found}))
    assert words_in(plot_histogram(found).axes[0]).get_text().endswith(" 0.00%")


def test_models_stand_side_by_side_and_share_the_counts() -> None:
    other = replace(NORMS, counts=COUNTS * 9, edges=EDGES * 5, threshold=500.0)
    figure = plot_findings({"dino": NORMS, "deit": other}, "untrained: random weights")
    one, two = figure.axes
    assert one.get_position().x1 < two.get_position().x0
    assert one.get_ylim() == two.get_ylim()
    assert two.get_ylim()[1] > 9 * COUNTS.max()
    assert two.get_xlim()[1] == pytest.approx(5 * one.get_xlim()[1])
    texts = texts_of(figure)
    assert {"Norms of patch tokens", "dino", "deit", "untrained: random weights"} <= set(texts)
    alone = " ".join(texts_of(plot_findings({"dino": NORMS})))
    assert "Norms of patch tokens" in alone
    assert "block 11" in alone


@pytest.mark.parametrize("models", [1, 2])
def test_no_text_is_clipped_or_overlaps(models: int) -> None:
    long = replace(NORMS, beyond="what is above the threshold in so many words " * 3)
    found = {f"{number} {'a long name ' * 20}": long for number in range(models)}
    figure = plot_histograms(found, note="untrained: random weights")
    assert words_in(figure.axes[0]).get_text().endswith("…: 0.27%")
    # Ticks have labels on the right, too, that are empty boxes.
    boxes = {text: box for text, box in texts_of(figure).items() if box.width > 1}
    for place, axes in enumerate(figure.axes):
        boxes[f"{place}"] = words_in(axes).get_window_extent()
    for text, box in boxes.items():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
    for (text, box), (other, its_box) in itertools.combinations(boxes.items(), 2):
        assert not box.overlaps(its_box), (text, other)
