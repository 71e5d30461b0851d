"""The same result without the page: the command line, and the lines of Python."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any

from vitonnx.demo import demo_models
from vitonnx.engine import Engine
from vitonnx.modelfile import load_manifest
from vitonnx.probes import Heads, Probe, Rollout

__all__ = ["command_line", "python_lines"]

SHOWN = {
    "heads": "attention  # float32 (heads, rows, columns)",
    "rollout": "rollout  # float32 (rows, columns)",
    "distance": "distance  # float64 (blocks, heads), in pixels",
}


def command_line(probe: Probe[Any], engines: Sequence[Engine], picture: str, output: str) -> str:
    """Write the command that makes the same file.

    Examples
    --------
    >>> engine = Engine(demo_models()["scenes_vit"])
    >>> command_line(Heads(block=2, query=(40, 7)), [engine], "my bird.png", "heads.npz")
    "vitonnx probe heads scenes_vit 'my bird.png' --block 2 --query 40,7 -o heads.npz"
    """
    first, *others = [_name(engine) for engine in engines]
    words = ["vitonnx", "probe", probe.name, first, _plain(picture), *_options(probe)]
    for other in others:
        words += ["--compare", other]
    if reduced := _reduced(engines[0]):
        words += ["--precision", reduced]
    if any(_squashes(engine) for engine in engines):
        words += ["--size", "{}x{}".format(*engines[0].manifest.size)]
    return shlex.join([*words, "-o", _plain(output)])


def python_lines(asked: Sequence[tuple[Probe[Any], Engine]], picture: str) -> str:
    """Write the lines that find the same numbers, for each model its probe.

    Examples
    --------
    >>> engine = Engine(demo_models()["scenes_vit"])
    >>> print(python_lines([(Rollout(fusion="max"), engine)], "bird.png"))
    import vitonnx as vx
    from vitonnx.demo import demo_models
    <BLANKLINE>
    engine = vx.Engine(demo_models()["scenes_vit"])
    result = engine.probe("bird.png", vx.Rollout(fusion="max"))[0]
    result.rollout  # float32 (rows, columns)
    """
    ours = any(_name(engine) in demo_models() for _, engine in asked)
    lines = ["import vitonnx as vx", *(["from vitonnx.demo import demo_models"] if ours else [])]
    for probe, engine in asked:
        name = _name(engine)
        file = f"demo_models()[{_quoted(name)}]" if name in demo_models() else _quoted(name)
        if reduced := _reduced(engine):
            file += f", precision={_quoted(reduced)}"
        if _squashes(engine):
            file += f", size={engine.manifest.size}"
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


def _reduced(engine: Engine) -> str:
    """Return the precision of an engine, if it isn't the file's own."""
    return "" if engine.precision == engine.manifest.precision else engine.precision


def _squashes(engine: Engine) -> bool:
    """Tell whether pictures have their own sizes in the file, but a common one on the page."""
    own, here = load_manifest(engine.file).preprocessing, engine.manifest.preprocessing
    return own.multiple is not None and here.multiple is None


def _plain(file: str) -> str:
    """Prefix a file name that begins with a dash, so that it isn't taken for an option."""
    return f"./{file}" if file.startswith("-") else file


def _options(probe: Probe[Any]) -> list[str]:
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


def _call(probe: Probe[Any]) -> str:
    """Write a probe as it is made, without what it is by default."""
    given = {field.name: getattr(probe, field.name) for field in _fields(probe)}
    left_out = {field.name: field.default for field in _fields(probe)}
    words = [f"{name}={_quoted(value)}" for name, value in given.items() if value != left_out[name]]
    return f"{type(probe).__name__}({', '.join(words)})"


def _fields(probe: Probe[Any]) -> tuple[Field[Any], ...]:
    return fields(probe) if is_dataclass(probe) else ()


def _quoted(value: object) -> str:
    """Write a value as Python does, but words in double quotes, as people do."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
