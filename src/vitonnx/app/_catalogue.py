"""What the page is told first: models, their probes, examples, limits and colours."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from vitonnx.app._limits import Limits
from vitonnx.demo import demo_models, draw_pictures
from vitonnx.engine import Engine
from vitonnx.plots import scale_of
from vitonnx.portable import describe
from vitonnx.probes import Maps

__all__ = ["catalogue"]


def catalogue(
    engines: Mapping[str, Engine], limits: Limits, folder: Path, *, served: bool
) -> dict[str, Any]:
    """Describe the page as plain JSON, and draw its examples into a folder.

    The engines are named as visitors choose them; they are asked themselves if the page is
    `served`, or else small graphs in the browser.
    """
    examples = folder / "examples"
    examples.mkdir()
    names = [path.name for path in draw_pictures(examples)]
    limited = ("upload", "pixels", "seconds", "models", "memory")
    return {
        "version": version("vitonnx"),
        "served": served,
        "examples": [{"name": name, "url": f"examples/{name}"} for name in names],
        "limits": {name: getattr(limits, name) for name in limited},
        "colours": {"map": _colours()},
        "models": [
            {"name": name, "command": _command(engine), **describe(engine, served=served)}
            for name, engine in engines.items()
        ],
    }


def _colours() -> str:
    """Give the 256 colours of a map, RGBA bytes in base64, as they lie over a grey picture."""
    even = Maps(values=np.zeros((1, 1, 1), np.float32), labels=("",), unit="")
    table = scale_of(even).overlay(np.arange(256))
    return base64.b64encode((255 * table).round().astype(np.uint8).tobytes()).decode()


def _command(engine: Engine) -> str:
    """Name a model as the command line does; no folder of this machine is told."""
    file = engine.file
    return file.stem if demo_models().get(file.stem) == file else file.name
