"""What all figures share: where they are drawn, and how their axes look."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vitonnx.errors import UsageError
from vitonnx.plots._figure import ShownFigure
from vitonnx.plots._scale import Scale

__all__ = ["FONT", "INK", "PALE", "axes_for", "draw_bar", "key_beside", "name_axes", "style_ticks"]

FONT = "DejaVu Sans"  # comes with matplotlib
INK, PALE = "#1a1a1a", "#5f5f5f"


def axes_for(ax: Axes | None, size: tuple[float, float]) -> tuple[Figure, Axes]:
    """Give the axes to draw in, with their figure.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
        None makes a figure of its own, independent of pyplot.
    size : (width, height)
        Of that figure, in inches.

    Raises
    ------
    UsageError
        If the axes belong to no figure any more.
    """
    if ax is None:
        figure = ShownFigure(figsize=size, dpi=150, layout="constrained")
        return figure, figure.subplots()
    owner = ax.get_figure(root=True)
    if owner is None:
        raise UsageError("these axes were removed from their figure: give others, or none.")
    return owner, ax


def name_axes(axes: Axes, across: str, down: str) -> None:
    """Label both axes, with units where there are any."""
    axes.set_xlabel(across, fontfamily=FONT, fontsize=8, color=INK)
    axes.set_ylabel(down, fontfamily=FONT, fontsize=8, color=INK)
    style_ticks(axes)


def style_ticks(axes: Axes) -> None:
    """Make ticks short, and their numbers small."""
    axes.tick_params(labelsize=7.5, labelfontfamily=FONT, labelcolor=INK, color=PALE, length=2)


def key_beside(axes: Axes) -> Axes:
    """Give axes for a key of colours, right of others and as high as they are."""
    key = axes.inset_axes((1.03, 0.0, 0.03, 1.0))
    style_ticks(key)
    return key


def draw_bar(axes: Axes, scale: Scale, unit: str) -> None:
    """Fill axes with a scale's colours, and write their values beside them."""
    figure, _ = axes_for(axes, (0, 0))
    bar = figure.colorbar(
        ScalarMappable(scale.norm, scale.bar),
        cax=axes,
        extend="max" if scale.clipped else "neither",
        extendfrac=0.03,
        ticks=MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]),
        format=lambda value, _: f"{value:.4g}",
    )
    bar.outline.set_visible(False)
    axes.set_ylabel(unit, fontfamily=FONT, fontsize=8, color=INK)
