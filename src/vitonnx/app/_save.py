"""A visitor's results as files: a figure, the raw numbers, and how to make them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, TypeAlias

from matplotlib.figure import Figure

from vitonnx.app._answers import Answers
from vitonnx.app._questions import within
from vitonnx.app._recipe import command_line, python_lines
from vitonnx.app._visit import Visit, plain_name
from vitonnx.engine import Result, Totals, save_comparison, save_results, save_totals
from vitonnx.plots import plot_findings, plot_results, save_figure
from vitonnx.probes import Distance, Probe, Summary

__all__ = ["Saved", "save"]

Results: TypeAlias = dict[str, list[Result]]
"""Of one picture, by the models' names."""


@dataclass(frozen=True)
class Saved:
    """Saved files, and the code that makes them.

    Parameters
    ----------
    files : list of Path
        The figure, and the numbers.
    command : str
        Command for a terminal: one line, or one per file of numbers.
    python : str
        Lines of Python.
    """

    files: list[Path]
    command: str
    python: str


def save(
    answers: Answers, visit: Visit, models: list[str], probe: Probe[Any], folder: Path
) -> Saved:
    """Write what one probe finds in a visitor's picture.

    The numbers are those of ``vitonnx probe`` with the command line given. Models whose maps differ
    in shape, and so can't be stacked in one array, get a file each; so do models of different
    depths if one of them shows its last block in place of the one chosen.

    Parameters
    ----------
    answers : Answers
        Answers of the page.
    visit : Visit
        The picture.
    models : list of str
        Side by side.
    probe : Heads, Rollout or Distance
        Probe to save.
    folder : Path
        Folder to write to.

    Raises
    ------
    VitonnxError
        If a model can't answer, or nothing can be written.
    """
    engines = answers.engines
    probes = {model: within(probe, engines[model].manifest.blocks) for model in models}
    results = {model: [answers.measure(visit, model, probes[model])] for model in models}
    stem = f"{PurePath(visit.name).stem}.{probe.name}"
    figure = folder / f"{stem}.png"
    save_figure(_draw(answers, visit, probe, results), figure)
    arrays = {folder / f"{name}.npz": part for name, part in _stackable(results, probes, stem)}
    for path, part in arrays.items():
        _save_arrays(path, visit, probe, part)
    return Saved(
        files=[figure, *arrays],
        command="\n".join(
            command_line(
                probes[next(iter(part))], [engines[model] for model in part], visit.name, path.name
            )
            for path, part in arrays.items()
        ),
        python=python_lines([(probes[model], engines[model]) for model in models], visit.name),
    )


def _draw(answers: Answers, visit: Visit, probe: Probe[Any], results: Results) -> Figure:
    if isinstance(probe, Distance):
        tables = {name: probe.table(total) for name, total in _totals(probe, results).items()}
        named = {name: replace(each, details=(visit.name,)) for name, each in tables.items()}
        return plot_findings(named)
    untrained = [model for model in results if answers.engines[model].manifest.untrained]
    note = f"untrained: random weights of {', '.join(untrained)}" if untrained else ""
    return plot_results(results, note)


def _stackable(
    results: Results, probes: Mapping[str, Probe[Any]], stem: str
) -> Iterator[tuple[str, Results]]:
    """Return the groups that fit into one file each: all models, or each alone."""
    (probe, *others) = probes.values()
    same = all(other == probe for other in others)
    if same and (
        isinstance(probe, Distance)
        or len({_shape(each, probe) for (each,) in results.values()}) == 1
    ):
        yield stem, results
    else:
        for model, of_model in results.items():
            yield f"{stem}.{plain_name(model)}", {model: of_model}


def _save_arrays(path: Path, visit: Visit, probe: Probe[Any], results: Results) -> None:
    if isinstance(probe, Distance):
        totals = _totals(probe, results)
        save_totals(path, Totals(summaries=totals, files=[visit.name], skipped=[]))
    elif len(results) > 1:
        save_comparison(path, results, probe.name)
    else:
        (only,) = results.values()
        save_results(path, only, probe.name)


def _totals(probe: Distance, results: Results) -> dict[str, Summary]:
    return {model: probe.summary([each["distance"]]) for model, (each,) in results.items()}


def _shape(result: Result, probe: Probe[Any]) -> tuple[int, ...]:
    first, *_ = result[probe.name].arrays().values()
    return tuple(first.shape)
