"""Planned graphs on the disk, so that a plan is made once and not at every start."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import platformdirs

import vitonnx
from vitonnx.engine._plan import Plan
from vitonnx.errors import VitonnxError
from vitonnx.media import atomic_path
from vitonnx.modelfile import load_outline

__all__ = [
    "MOST_PLANS",
    "is_kept",
    "is_ours",
    "load_or_plan",
    "own_sources",
    "plan_digest",
    "plans_folder",
]

MOST_PLANS = 2**28
"""Bytes of all plans together: some hundred small ones, or a dozen of large pictures, whose matrix
that resamples the positions takes ten megabytes and more. Weights stay in the model's file."""

# What a planned graph depends on, besides the file and the plan.
MAKERS = ("ndonnx", "onnx-ir", "onnxscript", "onnxruntime", "onnxruntime-gpu")
DIGEST = 32  # bytes in front of a kept graph, from which a damaged one is known


def load_or_plan(file: Path, plan: Plan, make: Callable[[], bytes]) -> bytes:
    """Return the planned graph of a file, serialised, from the cache or newly made and cached.

    Those of others' probes are not: see `is_ours`. Nothing is lost where the folder can't be
    written: the plan is then made every time. Where all together are more than `MOST_PLANS`, those
    go that were used longest ago.
    """
    if not is_ours(plan):
        return make()
    place = _place(file, plan)
    kept = _read(place)
    if kept is not None:
        return kept
    graph = make()
    # What refuses to be written, or to go, another process may hold or have removed.
    with suppress(OSError, VitonnxError):
        if len(graph) + DIGEST <= MOST_PLANS:
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(place) as passing, passing.open("wb") as stream:
                stream.write(hashlib.sha256(graph).digest())
                stream.write(graph)
            _make_room(place)
    return graph


def is_ours(plan: Plan) -> bool:
    """Tell whether all probes are of this package.

    What others compute may hang on more than their name says, and change where that doesn't.
    """
    return all(type(probe).__module__.startswith("vitonnx.") for probe in plan.probes)


def is_kept(file: Path, plan: Plan) -> bool:
    """Tell whether the planned graph of a file is in the cache."""
    return _place(file, plan).exists()


def plans_folder() -> Path:
    """Give the folder that plans are kept in, whether or not it is there."""
    return platformdirs.user_cache_path("vitonnx") / "plans"


def _read(place: Path) -> bytes | None:
    """Give a kept graph, and note that it was used; None where there is none, or a damaged one."""
    try:
        with place.open("rb") as stream:
            digest, graph = stream.read(DIGEST), stream.read()
    except OSError:
        return None
    if digest != hashlib.sha256(graph).digest():
        return None
    with suppress(OSError):  # on many systems, reading alone leaves no trace
        os.utime(place, ns=(time.time_ns(), place.stat().st_mtime_ns))
    return graph


def _make_room(newest: Path) -> None:
    """Remove the plans that were used longest ago, until all together are few enough."""
    plans = []
    for plan in newest.parent.glob("*.plan"):
        with suppress(OSError):
            found = plan.stat()
            plans.append((plan != newest, -found.st_atime_ns, found.st_size, plan))
    total = 0
    for _, _, size, plan in sorted(plans):
        total += size
        if total > MOST_PLANS:
            with suppress(OSError):
                plan.unlink()


def _place(file: Path, plan: Plan) -> Path:
    return plans_folder() / f"{plan_digest(file, plan)}.plan"


def plan_digest(file: Path, plan: Plan | None, *more: str) -> str:
    """Tell a file and a plan, and what more hangs on them, from all others.

    A file that was written again is another one, and so is a copy: the kept graph says where in
    this very file, or in those beside it, its weights stand.
    """
    stamps = [
        (str(part.resolve()), found.st_size, found.st_mtime_ns, found.st_ino)
        for part in (file, *(file.parent / name for name in load_outline(file).beside))
        if os.path.exists(part) and (found := part.stat())  # noqa: PTH110 - raises for no name
    ]
    key = {
        "files": stamps,
        "plan": repr(plan),
        "made by": [own_sources(), *_versions()],
        "more": more,
    }
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()


@cache
def own_sources(package: Path = Path(vitonnx.__file__).parent) -> str:
    """Hash the package: whoever changes a line of it must not meet yesterday's graphs.

    All of it, since a plan hangs on more than the folder that makes it; and the sources rather
    than the version, which is the same between releases.
    """
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(f"{source.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()


def _versions() -> Iterator[str]:
    for name in MAKERS:
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"
