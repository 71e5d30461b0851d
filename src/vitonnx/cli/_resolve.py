"""From MODEL on the command line to a file, with what is said on the way."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vitonnx.cli._console import inform, stage

__all__ = ["resolve_model"]


def resolve_model(model: str, *, quiet: bool) -> Path:
    """Find the file of a model; fetch it and make it probe-ready if it is a name or an id.

    Raises
    ------
    VitonnxError
        As `vitonnx.names.resolve`.
    """
    from vitonnx.names import resolve

    with stage(f"Finding {model}", quiet=quiet) as show:
        return resolve(model, say=partial(inform, quiet=quiet), progress=show)
