"""Look at figures as they are drawn."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from vitonnx.probes import HeadsResult, Maps, mass_mask


def heads_result(
    attention: NDArray[np.float32],
    *,
    mass: float | None = None,
    query: str = "cls",
    patch: tuple[int, int] | None = None,
) -> HeadsResult:
    """Make a result of maps (heads, rows, columns)."""
    return HeadsResult(
        attention=attention,
        mean=attention.mean(axis=0),
        mask=None if mass is None else mass_mask(attention[None], mass)[0],
        mass=mass,
        block=7,
        query=query,
        patch=patch,
    )


def heads_maps(
    attention: NDArray[np.float32],
    *,
    mass: float | None = None,
    query: str = "cls",
    patch: tuple[int, int] | None = None,
) -> Maps:
    """Make the finding of maps (heads, rows, columns)."""
    return heads_result(attention, mass=mass, query=query, patch=patch).finding


def drawn(figure: Figure) -> NDArray[np.float64]:
    """Draw a figure, and give its pixels (height, width, 3) from 0 to 1."""
    pixels: NDArray[np.float64] = np.asarray(drawn_on(figure).buffer_rgba())[..., :3] / 255
    return pixels


def drawn_on(figure: Figure) -> Any:
    """Draw a figure, and give the canvas that holds it (whose methods have no types)."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


def patches_of(
    axes: Axes, pixels: NDArray[np.float64], grid: tuple[int, int]
) -> NDArray[np.float64]:
    """Give the colours (rows, columns, 3) in the middle of every patch of a tile."""
    (rows, columns), (height, width, _) = grid, pixels.shape
    box = axes.get_position()
    down = 1 - box.y1 + (np.arange(rows) + 0.5) / rows * box.height
    across = box.x0 + (np.arange(columns) + 0.5) / columns * box.width
    colours: NDArray[np.float64] = pixels[
        (down * height).astype(int)[:, None], (across * width).astype(int)
    ]
    return colours


def texts_of(figure: Figure) -> dict[str, Bbox]:
    """Where every text stands that a figure shows, in pixels."""
    renderer: Any = drawn_on(figure).get_renderer()
    shown = list(figure.texts)
    for axes in figure.axes:
        low, high = axes.get_ylim()
        shown += [axes.yaxis.label]
        # Ticks outside of the limits have labels that are not drawn.
        shown += [
            tick.label2 for tick in axes.yaxis.get_major_ticks() if low <= tick.get_loc() <= high
        ]
    return {text.get_text(): text.get_window_extent(renderer) for text in shown if text.get_text()}
