"""From what models say of pictures to a figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitonnx.engine import Result

__all__ = ["draw"]


def draw(probe: str, models: dict[str, list[Result]], note: str) -> Figure:
    """Draw one picture at full size, or several on a sheet; several models stand side by side.

    Parameters
    ----------
    probe : str
        ``heads`` or ``rollout``.
    models : dict of str to list of Result
        By the models' names, of the same pictures; none has an error.
    note : str
        See `plot_heads`.
    """
    from vitonnx.plots import SheetEntry, compare_models, contact_sheet, plot_heads, plot_rollout

    entries = {
        name: [
            SheetEntry(result.pixels, result[probe], Path(result.file).name, _predicted(result))
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
    pixels, result, file, prediction = of_model[0]
    plot: Callable[..., Figure] = plot_heads if probe == "heads" else plot_rollout
    return plot(pixels, result, model=name, file=file, prediction=prediction, note=note)


def _predicted(result: Result) -> str:
    """Say the predicted class, where there is a head."""
    if result.prediction is None:
        return ""
    found = result.prediction
    return f"{found.label or f'class {found.index}'} ({found.probability:.0%})"
