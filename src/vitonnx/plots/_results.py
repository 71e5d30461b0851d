"""From what models found to the figure that fits: the one place that tells findings apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from vitonnx.errors import UsageError
from vitonnx.plots._compare import compare_models
from vitonnx.plots._entry import AnyMaps, SheetEntry
from vitonnx.plots._histograms import plot_histograms
from vitonnx.plots._maps import plot_maps
from vitonnx.plots._matrices import plot_matrices
from vitonnx.plots._plates import plot_plates
from vitonnx.plots._sheet import contact_sheet
from vitonnx.plots._tables import plot_tables
from vitonnx.probes import Finding, Histogram, Matrix, PictureResult, Plate, Table, answering

__all__ = ["plot_findings", "plot_results"]


def plot_findings(
    models: Mapping[str, Finding], note: str = "", *, blocks: Sequence[int] | None = None
) -> Figure:
    """Draw one finding of each model, several models side by side.

    It is a whole page and takes no `ax`; the functions for one axes do, such as
    `plot_table_by_block`.

    Parameters
    ----------
    models : mapping of str to Table, Histogram, Plate or Matrix
        Findings of one probe, by the models' names. Maps lie on pictures: see `plot_results`.
    note : str
        A line in red below the caption, such as "untrained: random weights".
    blocks : sequence of int, optional
        Of tables: those shown head by head; see `plot_table_by_head`.

    Raises
    ------
    UsageError
        If there is nothing to draw, or nobody knows how.
    """
    units = {getattr(finding, "unit", None) for finding in models.values()}
    if len(units) > 1:
        raise UsageError(
            f"these findings are of several units ({', '.join(map(str, units))}), and share no "
            "scale: draw one probe at a time."
        )
    kinds: list[tuple[type, Any]] = [
        (Table, lambda found, **rest: plot_tables(found, blocks=blocks, **rest)),
        (Histogram, plot_histograms),
        (Plate, plot_plates),
        (Matrix, plot_matrices),
    ]
    for kind, plot in kinds:
        if models and all(isinstance(finding, kind) for finding in models.values()):
            figure: Figure = plot(models, note=note)
            return figure
    names = ", ".join(dict.fromkeys(type(finding).__name__ for finding in models.values()))
    if any(isinstance(finding, AnyMaps) for finding in models.values()):
        raise UsageError("maps lie on a picture: give the result.")
    raise UsageError(f"there is no figure of {names or 'nothing'}.")


def plot_results(models: Mapping[str, Sequence[PictureResult]], note: str = "") -> Figure:
    """Draw what was found in pictures: maps of one picture at full size, or several on a sheet.

    It is a whole page and takes no `ax`; `plot_map` does.

    Parameters
    ----------
    models : mapping of str to sequence of PictureResult
        By the models' names, of the same pictures; none has an error. Several models stand side by
        side. What isn't maps is drawn of one picture only.
    note : str
        See `plot_maps`.

    Raises
    ------
    UsageError
        If there is nothing to draw.
    """
    counts = {name: len(results) for name, results in models.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise UsageError(f"models are compared on the same pictures, but there are results {said}.")
    findings = {name: [_found(result) for result in results] for name, results in models.items()}
    if not all(isinstance(each, AnyMaps) for of_model in findings.values() for each in of_model):
        if any(len(of_model) != 1 for of_model in findings.values()):
            raise UsageError(
                "only maps are drawn for several pictures: draw one picture, or of a table the "
                "mean, probe.table(stream.summary[probe.name])."
            )
        return plot_findings({name: finding for name, (finding,) in findings.items()}, note)
    if len({type(each) for of_model in findings.values() for each in of_model}) > 1 or any(
        len({getattr(each, "unit", None) for each in of_model}) > 1
        for of_model in findings.values()
    ):
        raise UsageError("these are results of several probes: draw one probe at a time.")
    entries = {
        name: [
            SheetEntry(
                result.pixels, finding, Path(result.file).name, _predicted(result), result.inside
            )
            for result, finding in zip(results, findings[name], strict=True)
            if result.pixels is not None and isinstance(finding, AnyMaps)
        ]
        for name, results in models.items()
    }
    if not models or any(each.pixels is None for found in models.values() for each in found):
        raise UsageError("there is nothing to draw: results keep no pixels of prepared pictures.")
    if len(entries) > 1:
        return compare_models(entries, note=note)
    ((name, of_model),) = entries.items()
    if len(of_model) > 1:
        return contact_sheet(of_model, model=name, note=note)
    pixels, maps, file, prediction, inside = of_model[0]
    return plot_maps(
        pixels, maps, model=name, file=file, prediction=prediction, note=note, inside=inside
    )


def _found(result: PictureResult) -> Finding:
    with answering(result):
        return result.finding


def _predicted(result: PictureResult) -> str:
    """Say the predicted class, where there is a head."""
    if result.prediction is None:
        return ""
    found = result.prediction
    return f"{found.label or f'class {found.index}'} ({found.probability:.0%})"
