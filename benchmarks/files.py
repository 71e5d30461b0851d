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
from vitonnx.engine.devices import Device
from vitonnx.probes import Distance, Heads, Probe, Rollout

PROBES: dict[str, Probe[Any]] = {"heads": Heads(), "rollout": Rollout(), "distance": Distance()}


def measure(
    short: str,
    pictures: Sequence[Path],
    *,
    rounds: int,
    device: Device,
    precision: str | None,
    names: Sequence[str],
) -> list[list[str]]:
    """Give a row a way: name, pictures a second, ratio to the best peer, spread."""
    rows = []
    for name in names:
        times = interleave(_ways(short, name, pictures, device, precision), rounds)
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
    short: str, name: str, pictures: Sequence[Path], device: Device, precision: str | None
) -> dict[str, Callable[[], object]]:
    file = model_file(short)
    fewer = precision or ("int8" if device.is_cpu else "fp16")
    engines = {
        f"vitonnx {each}": Engine(file, device=device.name, precision=each)
        for each in dict.fromkeys(("fp32", fewer))
    }
    engines["vitonnx, attention to the host"] = Engine(file, device=device.name, in_graph=False)
    ways: dict[str, Callable[[], object]] = {
        way: partial(_stream, engine, PROBES[name], pictures) for way, engine in engines.items()
    }
    if importlib.util.find_spec("torch") is not None:
        from benchmarks.peers import HuggingFace, Timm, probes

        manifest = engines["vitonnx fp32"].manifest
        where = device.memory  # as torch names it, too
        for way, peer in (
            ("timm, hooks on every block", Timm(NAMES[short], manifest, where)),
            ("timm, the same in bf16 by autocast", Timm(NAMES[short], manifest, where, half=True)),
            ("transformers, output_attentions", HuggingFace(manifest, where)),
        ):
            ways[way] = partial(probes(peer)[name], pictures)
    return ways


def _stream(engine: Engine, probe: Probe[Any], pictures: Sequence[Path]) -> list[Result]:
    return list(engine.stream(pictures, [probe]))
