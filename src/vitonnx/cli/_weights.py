"""What the weight probes share: read files, and draw or save what was found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitonnx.cli._compare import name_models, note_untrained
from vitonnx.cli._console import give
from vitonnx.cli._output import ARRAYS, FIGURE_OR_ARRAYS, settle_output
from vitonnx.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["WeightProbeCall", "run"]


@dataclass(frozen=True)
class WeightProbeCall:
    """One call of a weight probe; the models are set side by side."""

    probe: Any
    models: tuple[str, ...]
    output: Path | None


def run(call: WeightProbeCall, *, quiet: bool) -> None:
    """Do it, and print the name of the file written."""
    from vitonnx.cli._resolve import resolve_model
    from vitonnx.modelfile import load_manifest

    settle = partial(settle_output, ending=f".{call.probe.name}.png", forms=FIGURE_OR_ARRAYS)
    settle(call.output, call.models)
    files = [resolve_model(model, quiet=quiet) for model in call.models]
    output = settle(call.output, files)
    manifests = [load_manifest(file) for file in files]
    names = name_models(call.models, files, manifests)
    results = {name: _ask(file, name, call) for file, name in zip(files, names, strict=True)}
    note = note_untrained(dict(zip(names, manifests, strict=True)), quiet=quiet)
    if output.suffix.lower() == ARRAYS:
        _save(output, results)
    else:
        _draw(output, results, call.probe.name, note)
    give(output)


def _ask(file: Path, name: str, call: WeightProbeCall) -> Any:
    """Ask one model; of several, say which can't answer."""
    from vitonnx.weights import probe_weights

    try:
        return probe_weights(file, call.probe)
    except UsageError as error:
        raise UsageError(f"{name}: {error}" if len(call.models) > 1 else str(error)) from error


def _save(output: Path, results: dict[str, Any]) -> None:
    """Write raw arrays; several models are stacked."""
    import numpy as np

    from vitonnx.media import save_arrays, stack_models

    arrays = {
        name: {
            field.name: getattr(result, field.name)
            for field in fields(result)
            if isinstance(getattr(result, field.name), np.ndarray)
        }
        for name, result in results.items()
    }
    save_arrays(output, stack_models(arrays) if len(arrays) > 1 else next(iter(arrays.values())))


def _draw(output: Path, results: dict[str, Any], probe: str, note: str) -> None:
    from vitonnx.plots import plot_filters, plot_positions, save_figure

    plot: Callable[..., Figure] = plot_filters if probe == "filters" else plot_positions
    save_figure(plot(results, note=note), output)
