"""The figure of whatever was found, as the command line draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitonnx.probes import Finding, Found

    Results: TypeAlias = Found | Finding | Sequence[Found]

__all__ = ["plot"]


def plot(
    results: Results | Mapping[str, Results],
    path: str | Path | None = None,
    *,
    probe: str | None = None,
) -> Figure:
    """Draw results: one picture at full size, several on a sheet, several models side by side.

    Parameters
    ----------
    results : result, sequence of results, or mapping of str to these
        What `Engine.probe` and `Engine.probe_weights` give, or a finding, such as
        ``Distance().table(total)``. A mapping has the models' names as keys.
    path : path, optional
        Where to write the figure: ``.png``, ``.pdf`` or ``.svg``.
    probe : str, optional
        Which probe to draw, where results hold several; by default all, side by side.

    Raises
    ------
    UsageError
        If there is nothing to draw, or the path is of no form that can be written.

    Examples
    --------
    ::

        results = vx.Engine("dino_vits16").probe("bird.png", vx.Heads())
        vx.plot(results, "bird.heads.png")
    """
    from vitonnx.plots import plot_findings, plot_results, save_figure
    from vitonnx.probes import PictureResult

    models = _columns(_by_name(results), probe)
    if not models or not all(models.values()):
        raise UsageError("there is nothing to draw: give at least one result.")
    flat = [each for of_model in models.values() for each in of_model]
    for each in flat:
        if getattr(each, "error", None) is not None:
            raise UsageError(f"{each.file} has nothing to draw, as it failed: {each.error}")
    kinds = {type(_finding(each)) for each in flat}
    if len(kinds) > 1:
        raise UsageError(
            "these results are no one figure: draw one probe at a time, as with probe='heads'."
        )
    note = _note(models)
    if all(isinstance(each, PictureResult) for each in flat):
        figure = plot_results(models, note)
    elif all(len(of_model) == 1 for of_model in models.values()):
        findings = {name: _finding(each) for name, (each,) in models.items()}
        figure = plot_findings(findings, note)
    else:
        raise UsageError("results of weights are drawn one a model: give a mapping of names.")
    if path is not None:
        save_figure(figure, path)
    return figure


def _finding(found: Any) -> Any:
    """Give the finding of a result; a finding is its own."""
    from vitonnx.probes import Found, answering

    with answering(found):
        return found.finding if isinstance(found, Found) else found


def _by_name(results: Any) -> dict[str, list[Any]]:
    """Sort what was given by model; what has no name is called by that of its model."""
    if isinstance(results, Mapping):
        return {name: _listed(each) for name, each in results.items()}
    listed = _listed(results)
    return {getattr(listed[0], "model", "") if listed else "": listed}


def _listed(results: Any) -> list[Any]:
    return list(results) if isinstance(results, Sequence) else [results]


def _columns(models: Mapping[str, list[Any]], probe: str | None) -> dict[str, list[Any]]:
    """Give each model a column; where results hold several probes, each model and probe."""
    columns: dict[str, list[Any]] = {}
    for name, results in models.items():
        probes = _probes_of(results)
        if probe is not None and probe not in probes:
            there = ", ".join(probes) or "one only"
            raise UsageError(f"the results have no probe {probe!r}: there is {there}.")
        chosen = [probe] if probe is not None else probes
        for each in chosen:
            title = name if len(chosen) == 1 else each if len(models) == 1 else f"{name}: {each}"
            columns[title] = [one if one.error is not None else one[each] for one in results]
        if not probes:
            columns[name] = results
    return columns


def _probes_of(results: list[Any]) -> list[str]:
    """Name the probes that results hold; none where they are one probe's own."""
    values = getattr(results[0], "values", None) if results else None
    return list(values) if isinstance(values, Mapping) else []


def _note(models: Mapping[str, list[Any]]) -> str:
    untrained = [
        name for name, results in models.items() if getattr(results[0], "untrained", False)
    ]
    if not untrained:
        return ""
    return "untrained: random weights" + (f" of {', '.join(untrained)}" if len(models) > 1 else "")
