"""Numbers of an evaluation, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vitonnx.media import atomic_path

__all__ = ["save_numbers"]


def save_numbers(path: str | Path, numbers: Mapping[str, Any]) -> None:
    """Write numbers with the version that found them, whole or not at all."""
    content = {**numbers, "vitonnx": version("vitonnx")}
    with atomic_path(path) as passing:
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        passing.write_text(text + "\n", encoding="utf-8", errors="surrogateescape")
