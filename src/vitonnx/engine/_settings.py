"""Settings that determine the numbers of a run, as kept in a state file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import PIL

from vitonnx.engine._engine import Engine
from vitonnx.modelfile import weight_files
from vitonnx.probes import Probe

__all__ = ["run_settings"]

VERSIONS = {
    "onnxruntime": onnxruntime.__version__,
    "numpy": np.__version__,
    "Pillow": PIL.__version__,
}


def run_settings(
    engines: Sequence[Engine], files: Sequence[str | Path], probe: Probe[Any]
) -> dict[str, str | int]:
    """Describe a run so closely that one of the same description gives the same bits.

    Parameters
    ----------
    engines : sequence of Engine
        Engines of the models, in order.
    files : sequence of str or Path
        Paths of the pictures, in order.
    probe : Probe
        Probe of the run.

    Returns
    -------
    dict of str to str or int
        Settings by their names in words.
    """
    place = {True: "in the graph", None: "in the graph", False: "on the host"}
    settings: dict[str, str | int] = {
        "the probe": repr(probe.graph_form),
        "the number of pictures": len(files),
        "the hash of the pictures' names in their order": _hash_names(files),
        "the number of models": len(engines),
    }
    for number, engine in enumerate(engines, start=1):
        settings |= {
            f"model {number}'s hash": _hash_model(engine.file),
            f"model {number}'s input size": "x".join(map(str, engine.manifest.size)),
            f"model {number}'s batch size": engine.batch_size,
            f"model {number}'s precision": engine.precision,
            f"model {number}'s probes": place[engine.in_graph],
            f"model {number}'s device": engine.device,
            f"model {number}'s threads": engine.threads or f"one per core of {os.cpu_count()}",
        }
    return settings | VERSIONS


def _hash_names(files: Iterable[str | Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(Path(file).absolute()) + b"\0")
    return digest.hexdigest()


def _hash_model(file: Path) -> str:
    """Hash the file, and its external weights."""
    digest = hashlib.sha256()
    for part in (file, *weight_files(file)):
        with part.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()
