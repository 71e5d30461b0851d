"""The same result without the page: the command line, and the lines of Python."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.probes import Distance, Heads, Probe, Rollout

__all__ = ["command_line", "python_lines"]

SHOWN = {
    "heads": "attention  # float32 (heads, rows, columns)",
    "rollout": "rollout  # float32 (rows, columns)",
    "distance": "distance  # float64 (blocks, heads), in pixels",
}


def command_line(
    probe: Probe[object], engines: Sequence[Engine], picture: str, output: str
) -> str:
    """Write the command that makes the same file.

    Examples
    --------
    >>> engine = Engine(demo_models()["scenes_vit"])
    >>> command_line(Heads(block=2, query=(40, 7)), [engine], "my bird.png", "heads.npz")
    "vitonnx probe heads scenes_vit 'my bird.png' --block 2 --query 40,7 -o heads.npz"
    """
    first, *others = [_name(engine) for engine in engines]
    words = ["vitonnx", "probe", probe.name, first, picture, *_options(probe)]
    for other in others:
        words += ["--compare", other]
    return shlex.join([*words, "-o", output])


def python_lines(probe: Probe[object], engines: Sequence[Engine], picture: str) -> str:
    """Write the lines that find the same numbers.

    Examples
    --------
    >>> engine = Engine(demo_models()["scenes_vit"])
    >>> print(python_lines(Rollout(fusion="max"), [engine], "bird.png"))
    import vitonnx as vx
    from vitonnx.demo import demo_models
    <BLANKLINE>
    engine = vx.Engine(demo_models()["scenes_vit"])
    result = engine.probe("bird.png", vx.Rollout(fusion="max"))[0]
    result.rollout  # float32 (rows, columns)
    """
    ours = any(_name(engine) in demo_models() for engine in engines)
    lines = ["import vitonnx as vx", *(["from vitonnx.demo import demo_models"] if ours else [])]
    for engine in engines:
        name = _name(engine)
        file = f"demo_models()[{_quoted(name)}]" if name in demo_models() else _quoted(name)
        lines += [
            "",
            f"engine = vx.Engine({file})",
            f"result = engine.probe({_quoted(picture)}, vx.{_call(probe)})[0]",
            f"result.{SHOWN[probe.name]}",
        ]
    return "\n".join(lines)


def _name(engine: Engine) -> str:
    """Name a model as the command line does; no folder of this machine is told."""
    name = engine.file.stem
    return name if demo_models().get(name) == engine.file else Path(engine.file).name


def _options(probe: Probe[object]) -> list[str]:
    match probe:
        case Heads():
            words = ["--block", str(probe.block)]
            if isinstance(probe.query, str):
                words += ["--query", probe.query]
            elif probe.query is not None:
                words += ["--query", f"{probe.query[0]},{probe.query[1]}"]
            return words + ([] if probe.mass is None else ["--mass", f"{probe.mass:g}"])
        case Rollout():
            words = [] if probe.fusion == "mean" else ["--fusion", probe.fusion]
            return words + ([] if probe.discard == 0 else ["--discard", f"{probe.discard:g}"])
    return []


def _call(probe: Probe[object]) -> str:
    match probe:
        case Heads():
            given = {"block": probe.block, "query": probe.query, "mass": probe.mass}
            left_out = {"block": -1, "query": None, "mass": None}
        case Rollout():
            given = {"fusion": probe.fusion, "discard": probe.discard}
            left_out = {"fusion": "mean", "discard": 0.0}
        case _:
            given = left_out = {}
    words = [f"{key}={_quoted(value)}" for key, value in given.items() if value != left_out[key]]
    return f"{type(probe).__name__}({', '.join(words)})"


def _quoted(value: object) -> str:
    """Write a value as Python does, but words in double quotes, as people do."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
