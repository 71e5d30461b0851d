"""From what models say of pictures to the figure that fits: one picture, a sheet, or models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from vitonnx.plots._compare import compare_models
from vitonnx.plots._entry import SheetEntry
from vitonnx.plots._heads import plot_heads
from vitonnx.plots._rollout import plot_rollout
from vitonnx.plots._sheet import contact_sheet

if TYPE_CHECKING:
    from vitonnx.engine import Result

__all__ = ["plot_results"]


def plot_results(probe: str, models: Mapping[str, Sequence[Result]], note: str = "") -> Figure:
    """Draw one picture at full size, or several on a sheet; several models stand side by side.

    It is a whole page and takes no `ax`; `plot_map` does.

    Parameters
    ----------
    probe : str
        ``heads`` or ``rollout``.
    models : mapping of str to sequence of Result
        By the models' names, of the same pictures; none has an error.
    note : str
        See `plot_heads`.

    Returns
    -------
    matplotlib.figure.Figure
        Independent of pyplot.
    """
    entries = {
        name: [
            SheetEntry(
                result.pixels,
                result[probe],
                Path(result.file).name,
                _predicted(result),
                result.inside,
            )
            for result in results
            if result.pixels is not None
        ]
        for name, results in models.items()
    }
    if len(entries) > 1:
        return compare_models(entries, note=note)
    ((name, of_model),) = entries.items()
    if len(of_model) > 1:
        return contact_sheet(of_model, model=name, note=note)
    pixels, result, file, prediction, inside = of_model[0]
    plot: Callable[..., Figure] = plot_heads if probe == "heads" else plot_rollout
    return plot(
        pixels, result, model=name, file=file, prediction=prediction, note=note, inside=inside
    )


def _predicted(result: Result) -> str:
    """Say the predicted class, where there is a head."""
    if result.prediction is None:
        return ""
    found = result.prediction
    return f"{found.label or f'class {found.index}'} ({found.probability:.0%})"
