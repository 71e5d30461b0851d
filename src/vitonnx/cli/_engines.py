"""Open all models of a call before the first picture, so that a wrong name fails at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitonnx.cli._compare import name_models
from vitonnx.cli._console import Stage, give, inform
from vitonnx.cli._resolve import resolve_model

if TYPE_CHECKING:
    from vitonnx.engine import Engine
    from vitonnx.probes import Probe

__all__ = ["open_engines", "print_plans"]


def open_engines(
    models: Sequence[str], make: Callable[[Path], Engine], *, quiet: bool
) -> dict[str, Engine]:
    """Open models, and print notes on their devices to stderr.

    Parameters
    ----------
    models : sequence of str
        Models, each as MODEL on the command line.
    make : callable
        Function that opens a file.
    quiet : bool
        Whether to suppress notes.

    Returns
    -------
    dict of str to Engine
        Models in the order given, by their names from `name_models`.
    """
    engines = []
    for model in models:
        file = resolve_model(model, quiet=quiet)
        with Stage(f"Opening {file.name}", quiet=quiet):
            engines.append(make(file))
    for note in dict.fromkeys(engine.device_note for engine in engines):
        if note is not None:
            inform(note, quiet=quiet)
    names = name_models(
        models, [engine.file for engine in engines], [engine.manifest for engine in engines]
    )
    return dict(zip(names, engines, strict=True))


def print_plans(engines: Mapping[str, Engine], probe: Probe[Any]) -> None:
    """Print each model's plan for a probe."""
    for engine in engines.values():
        give(*engine.explain([probe]).splitlines())
