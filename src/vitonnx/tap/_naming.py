"""Name of a tapped model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vitonnx.errors import UsageError
from vitonnx.manifest import safe_name

__all__ = ["check_name", "name_of"]

# What exporters call every model, and what they add for its precision.
NOTHING = re.compile(
    r"(vision_)?model"
    r"([_.-](fp32|fp16|bf16|float16|float32|u?int8|quantized|q4|q4f16|q8|bnb4|optimi[sz]ed|merged))*"
    r"([_.-]?\d+)?",
    re.IGNORECASE,
)
LONGEST = 2**24  # bytes of a description that is read
FOLDER = "onnx"  # of Optimum's graphs, under the model's own


def name_of(file: Path) -> str:
    """Call a model by its file; where that says nothing, by its ``config.json`` or its folder.

    Examples
    --------
    >>> name_of(Path("/models/dinov2-small/onnx/model_fp16.onnx"))
    'dinov2-small'
    >>> name_of(Path("/models/dinov2-small/bird.onnx"))
    'bird'
    """
    if not NOTHING.fullmatch(file.stem):
        return file.stem
    folder = file.absolute().parent
    folders = [folder, folder.parent] if folder.name == FOLDER else [folder]
    described = (_described(each / "config.json") for each in folders)
    return next(filter(None, described), None) or safe_name(folders[-1].name) or file.stem


def check_name(name: str) -> str:
    """Refuse a name that can't be part of a file's name.

    Raises
    ------
    UsageError
        With a similar name that can be used.
    """
    safe = safe_name(name)
    if not name or name != safe:
        example = f", as in {safe}" if safe else ""
        raise UsageError(
            f"the name {name!r} can't be part of a file name: use letters, digits and . _ - + = "
            f"@{example}."
        )
    return name


def _described(config: Path) -> str | None:
    """Read the name that Hugging Face's or timm's description gives, if it can be read."""
    if not config.is_file() or config.stat().st_size > LONGEST:
        return None
    try:
        fields: Any = json.loads(config.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    if isinstance(architecture := fields.get("architecture"), str):
        recipe = fields.get("pretrained_cfg", fields)
        tag = recipe.get("tag") if isinstance(recipe, dict) else None
        return safe_name(f"{architecture}.{tag}" if isinstance(tag, str) else architecture)
    if isinstance(published := fields.get("_name_or_path"), str):
        return safe_name(re.split(r"[/\\]", published.rstrip("/\\"))[-1])
    return None
