"""Resolve MODEL of the command line to a file, with notes and a spinner."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vitonnx.cli._console import Stage, inform

__all__ = ["resolve_model"]


def resolve_model(model: str, *, quiet: bool) -> Path:
    """Find the file of a model; if it is a name or an id, download it and make it probe-ready.

    Raises
    ------
    VitonnxError
        As `vitonnx.names.resolve`.
    """
    from vitonnx.names import resolve

    with Stage(f"Finding {model}", quiet=quiet) as show:
        return resolve(model, say=partial(inform, quiet=quiet), progress=show)
