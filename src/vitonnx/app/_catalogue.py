"""What the page is told first: models, their probes, examples, limits and colours."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from vitonnx.app._limits import Limits
from vitonnx.engine import Engine
from vitonnx.plots import scale_of
from vitonnx.portable import describe
from vitonnx.probes import Maps

__all__ = ["catalogue"]


def catalogue(
    engines: Mapping[str, Engine],
    *,
    served: bool,
    limits: Limits,
    examples: Sequence[str] = (),
) -> dict[str, Any]:
    """Describe the page as plain JSON.

    Parameters
    ----------
    engines : mapping of str to Engine
        Models by the names that visitors choose from.
    served : bool
        Whether these engines are asked, or small graphs in the browser.
    limits : Limits
        The page's.
    examples : sequence of str
        Names of pictures in the folder ``examples``.
    """
    limited = ("upload", "pixels", "seconds", "models", "memory")
    return {
        "version": version("vitonnx"),
        "served": served,
        "examples": [{"name": name, "url": f"examples/{name}"} for name in examples],
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
    from vitonnx.demo import demo_models

    name = engine.file.stem
    return name if demo_models().get(name) == engine.file else engine.file.name
