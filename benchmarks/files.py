"""From picture files to maps, end to end: vitonnx in each precision, and its peers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.models import NAMES, model_file
from benchmarks.timing import Times, interleave
from vitonnx.engine import Engine, Result
from vitonnx.probes import Distance, Heads, Probe, Rollout

PROBES: dict[str, Probe[Any]] = {"heads": Heads(), "rollout": Rollout(), "distance": Distance()}


def measure(
    short: str, pictures: Sequence[Path], *, rounds: int, device: str, names: Sequence[str]
) -> list[list[str]]:
    """Give a row a way: name, pictures a second, ratio to the best peer, spread."""
    rows = []
    for name in names:
        times = interleave(_ways(short, name, pictures, device), rounds)
        peers = [each.median for way, each in times.items() if not way.startswith("vitonnx")]
        best = min(peers, default=None)
        rows += [_row(short, name, way, each, len(pictures), best) for way, each in times.items()]
    return rows


def _row(
    short: str, name: str, way: str, times: Times, count: int, best: float | None
) -> list[str]:
    ratio = "-" if best is None else f"{best / times.median:.2f}"
    return [f"{short} {name}", way, f"{count / times.median:.2f}", ratio, f"{times.spread:.0%}"]


def _ways(
    short: str, name: str, pictures: Sequence[Path], device: str
) -> dict[str, Callable[[], object]]:
    file = model_file(short)
    engines = {
        "vitonnx fp32": Engine(file, device=device, precision="fp32"),
        "vitonnx int8": Engine(file, device=device, precision="int8"),
        "vitonnx, attention to the host": Engine(file, device=device, in_graph=False),
    }
    if device != "cpu":
        engines["vitonnx fp16"] = Engine(file, device=device, precision="fp16")
        del engines["vitonnx int8"]
    ways: dict[str, Callable[[], object]] = {
        way: partial(_stream, engine, PROBES[name], pictures) for way, engine in engines.items()
    }
    if importlib.util.find_spec("torch") is not None:
        from benchmarks.peers import HuggingFace, Timm, probes

        manifest = engines["vitonnx fp32"].manifest
        for way, peer in (
            ("timm, hooks on every block", Timm(NAMES[short], manifest)),
            ("transformers, output_attentions", HuggingFace(manifest)),
        ):
            ways[way] = partial(probes(peer)[name], pictures)
    return ways


def _stream(engine: Engine, probe: Probe[Any], pictures: Sequence[Path]) -> list[Result]:
    return list(engine.stream(pictures, [probe]))
