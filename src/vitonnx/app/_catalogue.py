"""What the page is told first: a stand-in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vitonnx.app._limits import Limits
from vitonnx.engine import Engine

__all__ = ["catalogue"]


def catalogue(
    engines: Mapping[str, Engine],
    *,
    served: bool,
    limits: Limits,
    examples: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    """Say which models there are."""
    models = [
        {
            "name": name,
            "size": list(engine.manifest.size),
            "covered": list(engine.manifest.covered),
            "grid": list(engine.layout.grid),
            "patch": engine.layout.patch_size,
            "blocks": engine.layout.blocks,
            "heads": engine.layout.heads,
            "classes": engine.manifest.classes,
            "probes": [],
        }
        for name, engine in engines.items()
    ]
    said = {name: getattr(limits, name) for name in ("upload", "pixels", "seconds", "models")}
    return {"served": served, "examples": list(examples), "limits": said, "models": models}
