"""Planned graphs on the disk, so that a plan is made once and not at every start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import platformdirs

from vitonnx.engine._plan import Plan
from vitonnx.errors import VitonnxError
from vitonnx.media import atomic_path

__all__ = ["load_or_plan"]

# What a planned graph depends on, besides the file and the plan.
MAKERS = ("vitonnx", "ndonnx", "onnx-ir", "onnxscript")
LARGEST = 2**28  # bytes of a plan that is kept: its weights stay in the model's file


def load_or_plan(file: Path, plan: Plan, make: Callable[[], bytes]) -> bytes:
    """Give the planned graph of a file: the one that is kept, or a new one, which is kept.

    Nothing is lost where the folder can't be written: the plan is then made every time.

    Parameters
    ----------
    file : path
        The model.
    plan : Plan
        What is asked of it.
    make : callable
        Makes the graph, serialised.
    """
    kept = _place(file, plan)
    try:
        return kept.read_bytes()
    except OSError:
        pass
    graph = make()
    if len(graph) <= LARGEST:
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(kept) as passing:
                passing.write_bytes(graph)
        except (OSError, VitonnxError):
            pass
    return graph


def _place(file: Path, plan: Plan) -> Path:
    found = file.stat()
    key = {
        # A file that was written again is another one, and so is a copy: the kept graph says
        # where in this very file its weights stand.
        "file": [str(file.resolve()), found.st_size, found.st_mtime_ns, found.st_ino],
        "plan": repr(plan),
        "made by": [version(name) for name in MAKERS],
    }
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return platformdirs.user_cache_path("vitonnx") / "plans" / f"{name}.onnx"
