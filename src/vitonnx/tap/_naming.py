"""Names of a tapped model, and of the tokens before its patches."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vitonnx.errors import UsageError
from vitonnx.manifest import safe_name
from vitonnx.tap._find_patches import Patches

__all__ = ["check_name", "check_prefix", "folders_of", "name_of", "name_prefix"]

# What exporters call every model, and what they add for its precision.
NOTHING = re.compile(
    r"(vision_)?model"
    r"([_.-](fp32|fp16|bf16|float16|float32|u?int8|quantized|q4|q4f16|q8|bnb4|optimi[sz]ed|merged))*"
    r"([_.-]?\d+)?",
    re.IGNORECASE,
)
LONGEST = 2**24  # bytes of a description that is read


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
    folders = folders_of(file)
    described = (_described(each / "config.json") for each in folders)
    return next(filter(None, described), None) or safe_name(folders[-1].name) or file.stem


def folders_of(file: Path) -> list[Path]:
    """List the folders of a model: Optimum has one for graphs, under that of the descriptions."""
    own = file.absolute().parent
    return [own, own.parent] if own.name == "onnx" else [own]


def check_name(name: str) -> str:
    """Refuse a name that can't be part of a file's name; offer a similar one that can."""
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


def check_prefix(given: Sequence[str]) -> tuple[str, ...]:
    """Trim names of prefix tokens; refuse empty ones, and names that stand twice.

    Examples
    --------
    >>> check_prefix(["cls", " reg0"])
    ('cls', 'reg0')
    """
    names = tuple(name.strip() for name in given)
    if "" in names:
        raise UsageError("--prefix has an empty name: separate the names by commas.")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"--prefix names {twice} twice: give every token a name of its own.")
    return names


def name_prefix(
    patches: Patches,
    given: tuple[str, ...] | None,
    described: tuple[str, ...] | None,
    read: frozenset[int] | None,
) -> tuple[tuple[str, ...], str | None]:
    """Name prefix tokens; and say so, in a sentence without its stop, where that is a guess.

    Names are `given` by the caller, as many as there are tokens, or `described` in the model's
    config; `read` are the tokens that the head reads, None if unknown.
    """
    count = patches.prefix
    if given is not None:
        if len(given) != count:
            raise UsageError(
                f"--prefix names {len(given)} tokens, but the model has {count} before its patches."
            )
        return given, None
    if described is not None and len(described) == count:
        return described, None
    if count == 0 or (count == 1 and read != frozenset()):
        return ("cls",)[:count], None
    names = _unread(count, patches.placed) if read == frozenset() else _read(count, read)
    by = "their number" if read is None else "what the head reads"
    tokens = (
        f"{count} tokens before the patches are" if count > 1 else "token before the patches is"
    )
    return names, (
        f"the {tokens} taken for {', '.join(names)}, by {by}: give --prefix if that is wrong"
    )


def _read(count: int, read: frozenset[int] | None) -> tuple[str, ...]:
    """Name tokens of which a head reads some: a single one is the class token, two are both."""
    if read is not None and len(read) == 1:
        return _with_registers(count, {min(read): "cls"})
    return ("cls", "dist") if count == 2 else _with_registers(count, {0: "cls"})


def _unread(count: int, placed: int | None) -> tuple[str, ...]:
    """Name tokens of which a head reads none, as it takes the mean of the patches.

    Registers come in even numbers, and have no positions: a token that has one, or is odd, is a
    class token that the head ignores; except a single one where only patches have positions.
    """
    has_class = bool(placed) or (count % 2 == 1 and (count > 1 or placed is None))
    return _with_registers(count, {0: "cls"} if has_class else {})


def _with_registers(count: int, others: dict[int, str]) -> tuple[str, ...]:
    """Call all tokens registers but for some."""
    registers = (f"reg{number}" for number in range(count))
    return tuple(others.get(place) or next(registers) for place in range(count))
