"""Figures of padded pictures: what is padding is neither drawn nor counted."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from vitonnx.plots import (
    SheetEntry,
    compare_models,
    contact_sheet,
    plot_map,
    plot_maps,
    scale_of,
    without_padding,
)
from vitonnx.probes import HeadsResult, Maps, RolloutResult

# An input of 5 x 7 patches of 8 pixels, of which rows 1.5 to 4 are picture; the rest is blue.
INSIDE = (0.0, 0.3, 1.0, 0.8)
ROLLOUT = np.linspace(0.01, 0.02, 35, dtype=np.float32).reshape(5, 7)
ROLLOUT[0] = ROLLOUT[4] = 9.0  # padding has nearly all of it


def pixels() -> np.ndarray:
    drawn = np.full((40, 56, 3), (0, 0, 255), np.uint8)
    drawn[12:32] = (200, 100, 0)
    return drawn


def heads() -> Maps:
    attention = np.stack([ROLLOUT, ROLLOUT[::-1], ROLLOUT])
    return HeadsResult(
        attention=attention,
        mean=attention.mean(0),
        mask=attention > 0.015,
        mass=0.6,
        block=1,
        query="20,9",
        patch=(2, 1),
    ).finding


def rolled() -> Maps:
    return RolloutResult(rollout=ROLLOUT).finding


def tiles(figure: Figure) -> list[Axes]:
    """Give the axes that hold a picture or a map."""
    return [
        axes
        for axes in figure.axes
        if any(tuple(image.get_extent()) == (0, 7, 5, 0) for image in axes.get_images())
    ]


ENTRY = SheetEntry(pixels(), heads(), "a.png", inside=INSIDE)
ROLLED = SheetEntry(pixels(), rolled(), "a.png", inside=INSIDE)


@pytest.mark.parametrize(
    "figure",
    [
        plot_maps(pixels(), rolled(), inside=INSIDE),
        plot_maps(pixels(), heads(), inside=INSIDE),
        plot_map(pixels(), heads(), part=1, inside=INSIDE),
        contact_sheet([ENTRY] * 3),
        compare_models({name: [ENTRY] for name in "ab"}),
        compare_models({name: [ROLLED] * 2 for name in "ab"}),
    ],
    ids=["rollout", "heads", "map", "sheet", "compared heads", "compared sheet"],
)
def test_the_padding_is_left_out(figure: Figure) -> None:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    shown = tiles(figure)
    assert shown
    for axes in shown:
        assert (axes.get_xlim(), axes.get_ylim()) == ((0.0, 7.0), (4.0, 1.5))
        box = axes.get_window_extent()
        assert box.height / box.width == pytest.approx(20 / 56, rel=0.02)
        _, *maps = axes.get_images()
        for image in maps:
            assert image.get_clim()[1] < 0.03  # and not 9, of the padding
    seen = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    seen = seen[..., :3].astype(int)
    assert not ((seen[..., 2] > 200) & (seen[..., 0] < 60) & (seen[..., 1] < 60)).any()


def test_a_sheet_of_several_shapes_keeps_them() -> None:
    tall = SheetEntry(pixels(), rolled(), "t", inside=(0.4, 0, 0.6, 1))
    wide = SheetEntry(pixels(), rolled(), "w", inside=INSIDE)
    figure = contact_sheet([tall, wide])
    shapes = [axes.get_window_extent() for axes in tiles(figure)]
    found = [box.height / box.width for box in shapes]
    assert found == pytest.approx([40 / 11.2] * 2 + [20 / 56] * 2, rel=0.02)


def test_the_scale_is_of_the_picture() -> None:
    assert scale_of(rolled(), INSIDE).high < 0.03
    assert scale_of(rolled()).high > 8
    assert without_padding(ROLLOUT, INSIDE).shape == (3, 7)  # a row in part
