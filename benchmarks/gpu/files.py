"""What a user sees: the engine from JPEG files on, its stages alone, and its peers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import vitonnx as vx
from benchmarks.gpu.material import PICTURES, TIMM, file_of, name_of, size_of
from benchmarks.gpu.peers import Peer, heads_of
from benchmarks.gpu.rows import Rows
from benchmarks.gpu.watch import watched
from benchmarks.peers import HuggingFace, Timm, load
from benchmarks.pictures import picture_files
from benchmarks.tables import table
from benchmarks.timing import Times

if TYPE_CHECKING:
    from benchmarks.gpu.bench import Bench

ROUNDS = 2
BATCH = 32  # of the peers
Ways = dict[str, Callable[[], object]]


def measure(bench: Bench, model: str) -> None:
    import torch

    asked, rows = bench.asked, bench.rows
    unique = picture_files(PICTURES, min(asked.unique, asked.pictures))
    files = [unique[number % len(unique)] for number in range(asked.pictures)]
    options: dict[str, Any] = {"device": asked.device, "size": size_of(model)}
    ways: Ways = {}
    with rows.tried(section="files", model=model, way="all"):
        engine = vx.Engine(file_of(model), **options)
        own = np.stack([engine.prepare(file).pixels for file in unique])
        pixels = own[np.arange(len(files)) % len(unique)]
        tensor = torch.from_numpy(pixels).to(asked.device)
        bench.card.synchronise()
        heads, rollout, distance = vx.Heads(), vx.Rollout(), vx.Distance()
        ways["heads"] = partial(_stream, engine, files, heads)
        ways["rollout"] = partial(_stream, engine, files, rollout)
        ways["all three"] = partial(_stream, engine, files, heads, rollout, distance)
        quick = vx.Engine(file_of(model), **options, decode="fast")
        ways["heads, fast decoding"] = partial(_stream, quick, files, heads)
        four = vx.Engine(file_of(model), **options, decoders=4)
        ways["heads, 4 decoders"] = partial(_stream, four, files, heads)
        host = vx.Engine(file_of(model), **options, in_graph=False)
        ways["heads, attention to the host"] = partial(_stream, host, files, heads)
        ways["heads, pixels ready on the host"] = partial(engine.probe_pixels, pixels, heads)
        if asked.device != "cpu":
            ways["heads, pixels ready there"] = partial(engine.probe_pixels, tensor, heads)
            ways["heads, pixels ready there, eight by eight"] = partial(_eight, engine, tensor)
        ways["decoding alone"] = partial(_decode, engine, files)
        with rows.tried(section="files", model=model, way="peers"):
            ways |= _peers(bench, model, engine.manifest, files)
    _time(bench, model, ways)


def _stream(engine: vx.Engine, files: Sequence[Path], *probes: Any) -> None:
    for result in engine.stream(iter(files), probes):
        if result.error is not None:
            raise result.error


def _eight(engine: vx.Engine, tensor: Any) -> None:
    for start in range(0, len(tensor), 8):
        engine.probe_pixels(tensor[start : start + 8], vx.Heads())


def _decode(engine: vx.Engine, files: Sequence[Path]) -> None:
    with ThreadPoolExecutor(engine.decoders) as pool:
        for _ in pool.map(engine.prepare, files):
            pass


def _peers(bench: Bench, model: str, manifest: Any, files: Sequence[Path]) -> Ways:
    """Feed timm and transformers by as many threads as there are cores."""
    card = bench.card
    timm = Timm(TIMM[name_of(model)], manifest, card.device, dtype=card.half)
    hugging = HuggingFace(manifest, card.device, dtype=card.half)
    return {
        "timm, hooks": partial(_feed, heads_of(timm), manifest, card.half, files),
        "transformers": partial(_feed, heads_of(hugging), manifest, card.half, files),
    }


def _feed(peer: Peer, manifest: Any, half: Any, files: Sequence[Path]) -> None:
    import torch

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        loaded: Iterator[Any] = pool.map(lambda file: load([file], manifest), files)
        for start in range(0, len(files), BATCH):
            rows = [next(loaded) for _ in files[start : start + BATCH]]
            peer(torch.cat(rows).to(half)).float().cpu()


def _time(bench: Bench, model: str, ways: Ways) -> None:
    """Time the ways in turns, once warm, as long as there is time."""
    rows, found, busy = bench.rows, {way: list[float]() for way in ways}, dict.fromkeys(ways, 0.0)
    for number in range(-1, ROUNDS):
        names = list(ways)
        first = number % len(names)
        for way in (*names[first:], *names[:first]):
            if bench.budget.left < 10:
                break
            try:
                with watched() as load_of:
                    seconds = bench.clock.block(ways[way], 1)
            except Exception:
                with rows.tried(section="files", model=model, way=way):
                    raise
                del ways[way]
                continue
            if number >= 0:
                found[way].append(seconds)
                busy[way] = load_of[0]
    for way, all_seconds in found.items():
        about = {"section": "files", "model": model, "way": way}
        if not all_seconds:
            if way in ways:
                rows.add(**about, skipped="no time was left")
            continue
        times = Times(tuple(all_seconds))
        rate = bench.asked.pictures / times.median
        spread = {"spread": times.spread, "times": all_seconds}
        rows.add(**about, pictures=rate, busy=busy[way], **spread)
    rows.say(f"{model} from files: {len(ways)} ways")


def report(rows: Rows) -> list[str]:
    cells = [
        [row["model"], row["way"], f"{row['pictures']:.4g}", f"{row['spread']:.0%}", _busy(row)]
        for row in rows.of("files")
    ]
    title = f"From JPEG files of 480x640, {os.cpu_count()} cores"
    header = ("model", "way", "pictures/s", "spread", "GPU busy")
    return table(title, header, cells) if cells else []


def _busy(row: dict[str, Any]) -> str:
    return f"{row['busy']:.0%}" if row["busy"] else "-"
