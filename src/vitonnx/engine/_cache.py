"""Planned graphs on the disk, so that a plan is made once and not at every start."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

import vitonnx
from vitonnx.engine._plan import Plan
from vitonnx.errors import VitonnxError
from vitonnx.media import atomic_path
from vitonnx.modelfile import load_outline

__all__ = ["is_kept", "load_or_plan"]

# What a planned graph depends on, besides the file and the plan.
MAKERS = ("ndonnx", "onnx-ir", "onnxscript", "onnxruntime", "onnxruntime-gpu")
OWN_CODE = ("graph", "manifest", "modelfile", "probes", "engine")
LARGEST = 2**28  # bytes of a plan that is kept: its weights stay in the model's file
DIGEST = 32  # bytes in front of a kept graph, from which a damaged one is known


def load_or_plan(file: Path, plan: Plan, make: Callable[[], bytes]) -> bytes:
    """Return the planned graph of a file, from the cache or newly planned and cached.

    Probes of others are not: what they compute may hang on more than their name says. Nothing is
    lost where the folder can't be written: the plan is then made every time.

    Parameters
    ----------
    file : path
        The model.
    plan : Plan
        Plan to look up or carry out.
    make : callable
        Makes the graph, serialised.
    """
    if not all(type(probe).__module__.startswith("vitonnx.") for probe in plan.probes):
        return make()
    place = _place(file, plan)
    kept = _read(place)
    if kept is not None:
        return kept
    graph = make()
    if len(graph) <= LARGEST:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(place) as passing:
                passing.write_bytes(hashlib.sha256(graph).digest() + graph)
        except (OSError, VitonnxError):
            pass
    return graph


def is_kept(file: Path, plan: Plan) -> bool:
    """Tell whether the planned graph of a file is in the cache."""
    return _place(file, plan).exists()


def _read(place: Path) -> bytes | None:
    try:
        content = place.read_bytes()
    except OSError:
        return None
    digest, graph = content[:DIGEST], content[DIGEST:]
    return graph if digest == hashlib.sha256(graph).digest() else None


def _place(file: Path, plan: Plan) -> Path:
    # A file that was written again is another one, and so is a copy: the kept graph says where in
    # this very file, or in those beside it, its weights stand.
    stamps = [
        (str(part.resolve()), found.st_size, found.st_mtime_ns, found.st_ino)
        for part in (file, *(file.parent / name for name in load_outline(file).beside))
        if os.path.exists(part) and (found := part.stat())  # noqa: PTH110 - raises for no name
    ]
    key = {
        "files": stamps,
        "plan": repr(plan),
        "made by": [_own_code(), *_versions()],
    }
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()
    return platformdirs.user_cache_path("vitonnx") / "plans" / f"{name}.plan"


def _own_code() -> str:
    """Hash all code that plans, so that changed code doesn't meet outdated graphs."""
    digest = hashlib.sha256()
    for folder in OWN_CODE:
        for source in sorted((Path(vitonnx.__file__).parent / folder).glob("*.py")):
            digest.update(source.read_bytes())
    return digest.hexdigest()


def _versions() -> Iterator[str]:
    for name in MAKERS:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
