"""``vitonnx probe NAME`` of a probe of weights: no picture, no inference."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from vitonnx.cli._console import give
from vitonnx.cli._engines import name_models, note_untrained, resolve_model
from vitonnx.cli._options import Compare, FigureOrArrays, Model, Quiet
from vitonnx.cli._output import ARRAYS, FIGURE_OR_ARRAYS, settle_output
from vitonnx.errors import UsageError

__all__ = ["probe_weights_of"]


def probe_weights_of(
    probe: Any,
    model: Model,
    compare: Compare = None,
    output: FigureOrArrays = None,
    quiet: Quiet = False,
) -> None:
    """Ask one probe, and print the name of the file written."""
    from vitonnx.modelfile import load_manifest

    models = (model, *(compare or []))
    settle = partial(settle_output, ending=f".{probe.name}.png", forms=FIGURE_OR_ARRAYS)
    settle(output, models)
    files = [resolve_model(each, quiet=quiet) for each in models]
    target = settle(output, files)
    manifests = [load_manifest(file) for file in files]
    names = name_models(models, files, manifests)
    results = {
        name: _ask(file, name, probe, several=len(files) > 1)
        for file, name in zip(files, names, strict=True)
    }
    note = note_untrained(dict(zip(names, manifests, strict=True)), quiet=quiet)
    if target.suffix.lower() == ARRAYS:
        _save(target, results)
    else:
        from vitonnx.plots import plot_findings, save_figure
        from vitonnx.probes import answering

        with answering(probe):
            findings = {name: result.finding for name, result in results.items()}
        save_figure(plot_findings(findings, note), target)
    give(target)


def _ask(file: Path, name: str, probe: Any, *, several: bool) -> Any:
    """Ask one model; of several, say which can't answer."""
    from vitonnx.weights import probe_weights

    try:
        return probe_weights(file, probe)
    except UsageError as error:
        raise UsageError(f"{name}: {error}" if several else str(error)) from error


def _save(output: Path, results: dict[str, Any]) -> None:
    """Write raw arrays; several models are stacked."""
    from vitonnx.media import save_arrays, stack_models

    arrays = {name: result.arrays() for name, result in results.items()}
    save_arrays(output, stack_models(arrays) if len(arrays) > 1 else next(iter(arrays.values())))
