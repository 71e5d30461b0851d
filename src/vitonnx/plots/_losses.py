"""The course of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from vitonnx.plots._axes import FONT, INK, PALE, axes_for, name_axes

__all__ = ["plot_losses"]

SIZE = (4.4, 3.0)  # inches
TRAINING, VALIDATION, ACCURACY = "#3b528b", "#c4c4c4", "#d1495b"


def plot_losses(rows: Sequence[Mapping[str, float]], *, ax: Axes | None = None) -> Figure:
    """Draw loss and accuracy of a training against its epochs.

    Parameters
    ----------
    rows : sequence of mapping
        One an epoch, with ``epoch`` and ``loss``, and where there are ``validation_loss`` and
        ``accuracy`` or ``neighbour_accuracy``; as `vitonnx.models.train.train` gives them.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own by default.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot, or that of `ax`. The losses are in nats, on the left; the accuracy
        is in per cent, on the right.

    Examples
    --------
    >>> figure = plot_losses([{"epoch": 1, "loss": 2.3, "accuracy": 0.1}])
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss (nats)', 'accuracy (%)']
    """
    figure, axes = axes_for(ax, SIZE)
    epochs = [row["epoch"] for row in rows]
    lines = []
    for key, colour, label in (
        ("validation_loss", VALIDATION, "loss, validation"),
        ("loss", TRAINING, "loss, training"),
    ):
        if key in rows[0]:
            lines += axes.plot(
                epochs, [row[key] for row in rows], color=colour, marker=".", ms=4, label=label
            )
    name_axes(axes, "epoch", "loss (nats)")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    for key, label in (
        ("accuracy", "accuracy, validation"),
        ("neighbour_accuracy", "accuracy of nearest neighbours"),
    ):
        if key in rows[0]:
            right = axes.twinx()
            lines += right.plot(
                epochs,
                [100 * row[key] for row in rows],
                color=ACCURACY,
                marker=".",
                ms=4,
                label=label,
            )
            name_axes(right, "", "accuracy (%)")
            right.set_ylim(0, 100)
            right.spines[["top", "left"]].set_visible(False)
    axes.spines["top"].set_visible(False)
    axes.legend(
        handles=lines,
        loc="upper center",
        bbox_to_anchor=(0.5, 1.16),
        ncols=3,
        frameon=False,
        prop={"family": FONT, "size": 6.5},
        labelcolor=INK,
    )
    axes.grid(axis="y", color=PALE, alpha=0.15, linewidth=0.6)
    return figure
