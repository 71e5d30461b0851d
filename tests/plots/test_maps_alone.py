import itertools

import numpy as np

from plots.drawn_figures import drawn, patches_of, texts_of
from vitonnx.plots import plot_maps
from vitonnx.probes import RolloutResult

GRID = (3, 5)


def test_the_map_is_hot_where_it_is_high() -> None:
    values = np.full(GRID, 0.05, np.float32)
    values[1, 3] = 0.07
    figure = plot_maps(np.full((48, 80, 3), 85, np.uint8), RolloutResult(rollout=values).finding)
    brightness = patches_of(figure.axes[1], drawn(figure), GRID).mean(axis=-1)
    assert np.unravel_index(brightness.argmax(), GRID) == (1, 3)
    assert brightness[1, 3] > np.median(brightness) + 0.4


def test_the_scale_begins_at_the_lowest_patch() -> None:
    values = np.linspace(0.04, 0.06, 15, dtype=np.float32).reshape(GRID)
    figure = plot_maps(np.full((48, 80, 3), 85, np.uint8), RolloutResult(rollout=values).finding)
    low, high = figure.axes[-1].get_ylim()
    assert np.isclose(low, 0.04)
    assert 0.059 < high <= 0.06


def test_caption_and_labels_fit() -> None:
    values = np.full(GRID, 0.05, np.float32)
    values[1, 3] += 1e-6  # numbers of the bar that differ in the last digits only
    figure = plot_maps(
        np.zeros((80, 48, 3), np.uint8),
        RolloutResult(rollout=values, fusion="min", discard=0.9).finding,
        model="a model with a name that is far too long " * 5,
        file="x" * 200 + ".png",
        prediction="finch (0.87)",
        note="untrained: random weights",
    )
    texts = texts_of(figure)
    caption = " ".join(texts)
    for part in ("predicted: finch (0.87)", "fusion of heads: min", "discarded: 90%"):
        assert part in caption
    for box in texts.values():
        assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1
    for one, other in itertools.combinations(texts.values(), 2):
        assert not one.overlaps(other)
