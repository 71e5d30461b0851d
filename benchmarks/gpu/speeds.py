"""Plain inference, probes in its graph, and peers: pixels ready on the device, all in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.gpu.card import Runner
from benchmarks.gpu.ceilings import product_rate
from benchmarks.gpu.graphs import BASE
from benchmarks.gpu.material import manifest_of
from benchmarks.gpu.peers import (
    CATCHING_ALL,
    HOOKS,
    LAST_BLOCK,
    TRANSFORMERS,
    Peer,
    timm_ways,
    transformers_ways,
)
from benchmarks.gpu.rows import Row, Rows
from benchmarks.tables import table
from benchmarks.timing import Times, ratio
from vitonnx.manifest import Manifest

if TYPE_CHECKING:
    from benchmarks.gpu.bench import Bench

# Times the speed of plain inference, both by the runtime's own attention; and of transformers.
GOALS = {"heads": 0.95, "rollout": 0.9, "distance": 0.9}
OF_TRANSFORMERS = 5.0
MANY = 2**34  # bytes of attention of one call, above which peers that catch all aren't tried
AGAINST = {"plain": (BASE,), "transformers": (TRANSFORMERS,)}
BEST_PEER = (HOOKS, LAST_BLOCK, TRANSFORMERS)
FEW = 8  # pictures, up to which what launching costs is seen


def measure(bench: Bench, model: str) -> None:
    """Measure all graphs of one model, and its peers, batch after batch."""
    manifest, rows = manifest_of(model), bench.rows
    runners: dict[str, Runner] = {}
    for way in bench.graphs.ways_of(model):
        with rows.tried(section="graphs", model=model, way=way):
            runners[way] = Runner(bench.graphs.get(model, way, bench.budget.left), bench.card)
    peers: dict[str, Peer] = {}
    with rows.tried(section="graphs", model=model, way="timm"):
        peers |= timm_ways(model, manifest, bench.card)
    with rows.tried(section="graphs", model=model, way="transformers"):
        peers |= transformers_ways(manifest, bench.card)
    batches = bench.asked.batches
    if "@" in model:  # more tokens
        batches = list(dict.fromkeys(max(1, batch // 4) for batch in batches if batch <= 64))
    for batch in batches:
        if bench.has_time(12, section="graphs", model=model, batch=batch):
            _batch(bench, model, manifest, batch, runners, peers)
    runners.clear()
    peers.clear()
    bench.card.empty()


def _batch(
    bench: Bench,
    model: str,
    manifest: Manifest,
    batch: int,
    runners: dict[str, Runner],
    peers: dict[str, Peer],
) -> None:
    import torch

    card, rows, begun = bench.card, bench.rows, time.perf_counter()
    about: dict[str, Any] = {"section": "graphs", "model": model, "batch": batch}
    pixels = card.pixels(batch, manifest.size)
    ready = torch.randn(batch, 3, *manifest.size, dtype=card.half, device=card.device)
    subjects: dict[str, Callable[[], object]] = {}
    memory: dict[str, int] = {}
    for way, runner in runners.items():
        with rows.tried(**about, way=way):
            subjects[way] = runner.bind(pixels)
            memory[way] = runner.memory
    caught = 2 * batch * manifest.heads * manifest.tokens**2 * manifest.blocks
    for way, peer in peers.items():
        if caught > MANY and way in CATCHING_ALL:
            rows.add(**about, way=way, skipped=f"{caught / 1e9:.0f} GB of attention at once")
            continue
        with rows.tried(**about, way=way):
            card.empty()
            if card.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            subjects[way] = partial(peer, ready)
            subjects[way]()
            card.synchronise()
            memory[way] = torch.cuda.max_memory_allocated() if card.device == "cuda" else 0
    with rows.tried(**about, way="all"):
        times = bench.clock.measure(subjects)
        for way, found in times.items():
            row = {
                **about,
                "way": way,
                "pictures": batch / found.median,
                "milliseconds": found.median * 1e3,
                "spread": found.spread,
                "against": _against(times, found),
                "tflops": flops(manifest) * batch / found.median / 1e12,
                "memory_mb": memory[way] / 1e6,
                "times": [float(f"{seconds:.4g}") for seconds in found.rounds],
            }
            if way in runners:
                row["first_seconds"] = runners[way].first
            elif batch <= FEW:
                calls = max(1, min(100, int(bench.clock.seconds / found.median)))
                queued = bench.clock.block(subjects[way], calls, queued=True)
                row["queued_pictures"] = batch / queued
            rows.add(**row)
        rows.say(f"{model} at {batch}: {len(times)} ways in {time.perf_counter() - begun:.0f} s")


def _against(times: dict[str, Times], found: Times) -> dict[str, float]:
    """Say how many times as fast it is as plain inference, as transformers, as the best peer."""
    best = sorted((way for way in BEST_PEER if way in times), key=lambda way: times[way].median)
    bases = {**AGAINST, "best peer": tuple(best[:1])}
    return {
        name: round(ratio(times[way], found), 4)
        for name, ways in bases.items()
        for way in ways
        if way in times
    }


def flops(manifest: Manifest) -> float:
    """Count those of plain inference of a picture: a multiplication and an addition are two."""
    tokens, dim, side = manifest.tokens, manifest.dim, manifest.patch_size
    block = 12 * tokens * dim**2 + 2 * tokens**2 * dim
    return 2.0 * (manifest.blocks * block + tokens * dim * 3 * side**2)


def report(rows: Rows) -> list[str]:
    rate = product_rate(rows)
    cells = [
        [
            row["model"],
            f"{row['batch']}",
            row["way"],
            f"{row['pictures']:.4g}",
            f"{row['milliseconds']:.3f}",
            f"{row['spread']:.0%}",
            *(_times(row, name) for name in ("plain", "transformers", "best peer")),
            _used(row, rate),
            f"{row['memory_mb']:.0f}",
        ]
        for row in rows.of("graphs")
    ]
    header = ("model", "batch", "way", "pictures/s", "ms", "spread", "x plain", "x transformers")
    more = ("x best peer", "of the product", "MB")
    return table("Pixels ready on the device", (*header, *more), cells) if cells else []


def _times(row: Row, name: str) -> str:
    return f"{row['against'][name]:.2f}" if name in row["against"] else "-"


def _used(row: Row, rate: float | None) -> str:
    """Say how much of the rate of a large product it is."""
    return "-" if rate is None else f"{row['tflops'] / rate:.0%}"


def goals(rows: Rows) -> list[str]:
    """Give the table of the goals: met, or not."""
    rate, cells = product_rate(rows), []
    for row in rows.of("graphs"):
        what, _, kind = row["way"].partition(", ")
        if kind != "fused" or what not in GOALS or "plain" not in row["against"]:
            continue
        plain, transformers = row["against"]["plain"], row["against"].get("transformers")
        beside = ["-", "-"]
        if what == "heads" and transformers is not None:
            beside = [f"{transformers:.1f}", _met(transformers, OF_TRANSFORMERS)]
        goal = GOALS[what]
        about = [row["model"], f"{row['batch']}", what]
        cells.append([*about, f"{plain:.3f}", _met(plain, goal), *beside, _used(row, rate)])
    header = ("model", "batch", "probe", "x plain", "goal", "x transformers", "goal")
    title = "Goals: probes in the graph, against plain inference and transformers"
    return table(title, (*header, "of the product"), cells) if cells else []


def _met(found: float, goal: float) -> str:
    return f"{goal:g} {'met' if found >= goal else 'not met'}"
