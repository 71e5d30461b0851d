"""What a user sees: the engine from JPEG files on, its stages alone, and its peers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import vitonnx as vx
from benchmarks.gpu.bench import Bench
from benchmarks.gpu.material import PICTURES, TIMM, file_of, name_of, size_of
from benchmarks.gpu.peers import heads
from benchmarks.gpu.private import require_provider
from benchmarks.gpu.rows import Rows, shown
from benchmarks.peers import HuggingFace, Timm, load
from benchmarks.pictures import picture_files
from benchmarks.timing import Times, interleave

BATCH = 32  # of the peers
COLUMNS = "model: {model} | way: {way} | pictures/s: {pictures:.4g} | spread: {spread:.0%}"
Ways = dict[str, Callable[[], object]]


def measure(bench: Bench, model: str) -> None:
    """Time all ways that work, in two rounds, as long as there is time."""
    asked, rows = bench.asked, bench.rows.about(section="files", model=model)
    unique = picture_files(PICTURES, min(asked.unique, asked.pictures))
    files = [unique[number % len(unique)] for number in range(asked.pictures)]
    ways: Ways = {}
    with rows.tried(way="all"):
        ways = _ways(bench, model, files)
    found = dict[str, Times]()
    for way, work in ways.items():
        if bench.has_time(20, section="files", model=model, way=way):
            with rows.tried(way=way):
                found[way] = Times((bench.clock.block(work, 1),))  # it plans, too
    total = sum(times.median for times in found.values())
    with rows.tried(way="all"):
        if bench.budget.left > 3 * total + 10:
            found = interleave({way: ways[way] for way in found}, 2)
    for way, times in found.items():
        rate = asked.pictures / times.median
        rows.add(way=way, pictures=rate, spread=times.spread, times=list(times.rounds))
    rows.say(f"{model} from files: {len(found)} ways")


def _ways(bench: Bench, model: str, files: Sequence[Path]) -> Ways:
    import torch

    card, probes = bench.card, (vx.Heads(), vx.Rollout(), vx.Distance())
    opened = partial(vx.Engine, file_of(model), device=card.device, size=size_of(model))
    engine: vx.Engine = opened()
    prepared = {file: engine.prepare(file).pixels for file in set(files)}
    pixels = np.stack([prepared[file] for file in files])
    timm = Timm(TIMM[name_of(model)], engine.manifest, card.device, dtype=card.half)
    hugging = HuggingFace(engine.manifest, card.device, dtype=card.half)
    ways: Ways = {
        "heads": partial(_stream, engine, files, probes[:1]),
        "rollout": partial(_stream, engine, files, probes[1:2]),
        "all three": partial(_stream, engine, files, probes),
        "heads, fast decoding": partial(_stream, opened(decode="fast"), files, probes[:1]),
        "heads, 4 decoders": partial(_stream, opened(decoders=4), files, probes[:1]),
        "heads, attention to the host": partial(_stream, opened(in_graph=False), files, probes[:1]),
        "heads, pixels ready on the host": partial(_ready, engine, pixels, len(pixels)),
        "decoding alone": partial(_decode, engine, files),
        "timm, hooks": partial(_feed, timm, card.half, files),
        "transformers, output_attentions": partial(_feed, hugging, card.half, files),
    }
    if card.device == "cuda":
        tensor = torch.from_numpy(pixels).cuda()
        ways["heads, pixels ready there"] = partial(_ready, engine, tensor, len(tensor))
        ways["heads, pixels ready there, eight by eight"] = partial(_ready, engine, tensor, 8)
        card.synchronise()
    return ways


def _stream(engine: vx.Engine, files: Sequence[Path], probes: Sequence[Any]) -> None:
    for result in engine.stream(iter(files), probes):
        if result.error is not None:
            raise result.error
    require_provider(engine, engine.device.partition(":")[0])


def _ready(engine: vx.Engine, pixels: Any, batch: int) -> None:
    for start in range(0, len(pixels), batch):
        engine.probe_pixels(pixels[start : start + batch], vx.Heads())


def _decode(engine: vx.Engine, files: Sequence[Path]) -> None:
    with ThreadPoolExecutor(engine.decoders) as pool:
        list(map(bool, pool.map(engine.prepare, files)))


def _feed(peer: Timm | HuggingFace, half: Any, files: Sequence[Path]) -> None:
    """Feed a peer by as many threads as there are cores."""
    import torch

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        loaded: Iterator[Any] = pool.map(lambda file: load([file], peer.manifest), files)
        for start in range(0, len(files), BATCH):
            rows = [next(loaded) for _ in files[start : start + BATCH]]
            heads(peer, torch.cat(rows).to(half)).float().cpu()


def report(rows: Rows) -> list[str]:
    title = f"From JPEG files of 480x640, {os.cpu_count()} cores"
    return shown(title, rows.of("files"), COLUMNS)
