"""The page by itself: its files, a catalogue, and an engine that makes up its answers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import vitonnx.app
from vitonnx.app import Limits
from vitonnx.app._catalogue import catalogue
from vitonnx.demo import demo_models
from vitonnx.engine import Engine

__all__ = ["EVIL", "PAGE", "write_alone"]

PAGE = Path(vitonnx.app.__file__).parent / "page"
EVIL = "<img src=x onerror=alert(1)>"


def write_alone(folder: Path, pictures: Path) -> None:
    """Write the page, and the pictures of a folder as its examples."""
    shutil.copytree(PAGE, folder, dirs_exist_ok=True)
    shutil.copy(Path(__file__).parent / "page" / "fake-engine.js", folder / "served.js")
    said = _described(sorted(path.name for path in pictures.iterdir()))
    shutil.copytree(pictures, folder / "examples")
    (folder / "catalogue.json").write_text(json.dumps(said))


def _described(names: list[str]) -> dict[str, Any]:
    """Describe two models: one crops and names classes, one pads and has a wicked name."""
    engine = Engine(demo_models()["scenes_vit"])
    models = {"small": engine, EVIL: engine}
    said = catalogue(models, served=True, limits=Limits(models=2), examples=names)
    small, wide = said["models"]
    small |= {
        "command": "small.onnx",
        "grid": [6, 6],
        "blocks": 4,
        "tokens": [["cls", 0], ["dist", 1]],
        "classes": ["cat", "<b>dog</b>", "ship"],
    }
    wide |= {
        "note": "untrained: random weights, so its maps mean nothing",
        "command": "wide one.onnx",
        "size": [64, 128],
        "grid": [4, 8],
        "blocks": 6,
        "classes": None,
    }
    for model in said["models"]:
        for probe in model["probes"]:
            probe["refused"] = "Flow is not asked here." if probe["name"] == "flow" else ""
            for option in probe["options"]:
                if option["role"] == "query":
                    option["choices"] = ["cls", "dist", "mean"]
    return said
