"""Choose a repository's model file, and the file of its preprocessing recipe."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from vitonnx.names._listener import Listener
from vitonnx.names._snapshot import Snapshot, UnsureError

__all__ = ["CONFIG", "choose_model", "fetch_description", "is_graph", "nearest"]

GRAPHS = ("onnx/model.onnx", "model.onnx")
CHECKPOINTS = ("model.safetensors", "pytorch_model.bin")
RECIPE, CONFIG = "preprocessor_config.json", "config.json"


def is_graph(file: str) -> bool:
    """Tell whether a file is an ONNX model rather than a checkpoint."""
    return file.endswith(".onnx")


def choose_model(snapshot: Snapshot) -> str:
    """Choose the file given, else the ONNX file, else the checkpoint.

    A checkpoint is the model only where the repository is known to have no ONNX file. An
    `UnsureError` says that there is one on this machine, and what else there is only the hub knows;
    a `NotThereError`, that there is no such file, or several candidates.
    """
    asked, files = snapshot.asked, snapshot.files
    if asked.file is not None:
        if asked.file not in files:
            raise snapshot.lacks(f"no {asked.file}")
        if not asked.file.endswith((".onnx", *(Path(name).suffix for name in CHECKPOINTS))):
            raise snapshot.lacks(f"no model in {asked.file}")
        return asked.file
    if found := next((file for file in GRAPHS if file in files), None):
        return found
    if graphs := sorted(filter(is_graph, files)):
        raise snapshot.lacks(
            f"no {GRAPHS[0]}", f"give one of them, as in {asked.beside(graphs[0])}"
        )
    if CONFIG in files and (found := next((name for name in CHECKPOINTS if name in files), None)):
        if snapshot.folder is not None:
            raise UnsureError(f"Or use the file that exists: {asked.beside(found)}.")
        return found
    raise snapshot.lacks(f"neither an ONNX file nor {CHECKPOINTS[0]} with its {CONFIG}")


def nearest(snapshot: Snapshot, name: str, file: str) -> str | None:
    """Find a file by name in the folder of another file, or in the next folder above."""
    folders = PurePosixPath(file).parents
    candidates = (str(folder / name) for folder in folders)
    return next((path for path in candidates if path in snapshot.files), None)


def fetch_description(snapshot: Snapshot, file: str, listener: Listener) -> Path | None:
    """Download the config that belongs to a model's file, and the one beside it.

    Return ``preprocessor_config.json``, else ``config.json``, else None.
    """
    names = (RECIPE, CONFIG)
    found = next(filter(None, (nearest(snapshot, name, file) for name in names)), None)
    if found is None:
        return None
    for name in names:
        beside = str(PurePosixPath(found).with_name(name))
        if beside in snapshot.files:
            snapshot.fetch(beside, listener)
    return snapshot.fetch(found, listener)
