"""Plain inference, probes in its graph, and peers: pixels ready on the device, all in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.card import Runner
from benchmarks.gpu.ceilings import product_rate
from benchmarks.gpu.graphs import BASE
from benchmarks.gpu.material import manifest_of
from benchmarks.gpu.peers import CATCHING_ALL, HOOKS, LAST_BLOCK, TRANSFORMERS, Peer, peers_of
from benchmarks.gpu.rows import Row, Rows, shown
from benchmarks.timing import Times, ratio
from vitonnx.manifest import Manifest

# Times the speed of plain inference, both by the runtime's own attention; and of transformers.
GOALS = {"heads": 0.95, "rollout": 0.9, "distance": 0.9}
OF_TRANSFORMERS = 5.0
MANY = 2**34  # bytes of attention of one call, above which peers that catch all aren't tried
BEST_PEER = (HOOKS, LAST_BLOCK, TRANSFORMERS)
COLUMNS = (
    "model: {model} | batch: {batch} | way: {way} | pictures/s: {pictures:.4g}"
    " | ms: {milliseconds:.3f} | spread: {spread:.0%} | x plain: {plain:.2f}"
    " | x transformers: {transformers:.2f} | x best peer: {peer:.2f}"
    " | of the product: {used:.0%} | MB: {memory_mb:.0f}"
)
GOAL_COLUMNS = (
    "model: {model} | batch: {batch} | probe: {probe} | x plain: {plain:.3f}"
    " | goal: {goal:g} {met} | x transformers: {transformers:.1f}"
    " | goal of heads: {other_goal:g} {other_met} | of the product: {used:.0%}"
)


def measure(bench: Bench, model: str) -> None:
    """Measure all graphs of one model, and its peers, batch after batch."""
    manifest, rows = manifest_of(model), bench.rows.about(section="graphs", model=model)
    runners: dict[str, Runner] = {}
    for way in bench.graphs.ways_of(model):
        with rows.tried(way=way):
            runners[way] = Runner(bench.graphs.get(model, way, bench.budget.left), bench.card)
    peers: dict[str, Peer] = {}
    with rows.tried(way="peers"):
        peers = peers_of(model, manifest, bench.card)
    batches = bench.asked.batches
    if "@" in model:  # more tokens
        batches = list(dict.fromkeys(max(1, batch // 4) for batch in batches if batch <= 64))
    for batch in batches:
        if bench.has_time(12, section="graphs", model=model, batch=batch):
            begun = time.perf_counter()
            _batch(bench, rows.about(batch=batch), manifest, batch, runners, peers)
            rows.say(f"{model} at {batch}, in {time.perf_counter() - begun:.0f} s")
    runners.clear()
    peers.clear()
    bench.card.empty()


def _batch(
    bench: Bench,
    rows: Rows,
    manifest: Manifest,
    batch: int,
    runners: Mapping[str, Runner],
    peers: Mapping[str, Peer],
) -> None:
    import torch

    card, size = bench.card, manifest.size
    pixels = card.pixels(batch, size)
    ready = torch.randn(batch, 3, *size, dtype=card.half, device=card.device)
    subjects: dict[str, Callable[[], object]] = {}
    memory: dict[str, int] = {}
    for way, runner in runners.items():
        with rows.tried(way=way):
            subjects[way] = runner.bind(pixels)
            memory[way] = runner.memory
    caught = 2 * batch * manifest.heads * manifest.tokens**2 * manifest.blocks
    for way, peer in peers.items():
        if caught > MANY and way in CATCHING_ALL:
            rows.add(way=way, skipped=f"{caught / 1e9:.0f} GB of attention at once")
            continue
        with rows.tried(way=way):
            work = partial(peer, ready)
            memory[way] = card.peak(work)
            subjects[way] = work
    with rows.tried(way="all"):
        times = bench.clock.measure(subjects, bench.budget.left)
        for way, found in times.items():
            row = {
                "pictures": batch / found.median,
                "milliseconds": found.median * 1e3,
                "spread": found.spread,
                **against(times, found),
                "tflops": flops(manifest) * batch / found.median / 1e12,
                "memory_mb": memory[way] / 1e6,
                "times": [float(f"{seconds:.4g}") for seconds in found.rounds],
            }
            if way in runners:
                row["first_seconds"] = runners[way].first
            rows.add(way=way, **row)


def against(times: Mapping[str, Times], found: Times) -> dict[str, float]:
    """Say how many times as fast it is as plain inference, as transformers, as the best peer."""
    peers = [times[way] for way in BEST_PEER if way in times]
    best = min(peers, key=lambda peer: peer.median, default=None)
    bases = {"plain": times.get(BASE), "transformers": times.get(TRANSFORMERS), "peer": best}
    return {name: ratio(base, found) for name, base in bases.items() if base is not None}


def flops(manifest: Manifest) -> float:
    """Count those of plain inference of a picture: a multiplication and an addition are two."""
    tokens, dim, side = manifest.tokens, manifest.dim, manifest.patch_size
    block = 12 * tokens * dim**2 + 2 * tokens**2 * dim
    return 2.0 * (manifest.blocks * block + tokens * dim * 3 * side**2)


def _used(rows: Rows) -> list[Row]:
    """Give the rows with how much of the rate of a large product they use."""
    rate, found = product_rate(rows), rows.of("graphs")
    return [{**row, "used": row["tflops"] / rate} for row in found] if rate else found


def report(rows: Rows) -> list[str]:
    return shown("Pixels ready on the device", _used(rows), COLUMNS)


def goals(rows: Rows) -> list[str]:
    """Give the table of the goals: met, or not."""
    found = []
    for row in _used(rows):
        probe, _, kind = row["way"].partition(", ")
        if kind == "fused" and probe in GOALS and "plain" in row:
            goal = GOALS[probe]
            row |= {"probe": probe, "goal": goal, "met": _met(row["plain"] >= goal)}
            if probe == "heads" and "transformers" in row:
                met = _met(row["transformers"] >= OF_TRANSFORMERS)
                row |= {"other_goal": OF_TRANSFORMERS, "other_met": met}
            found.append(row)
    title = "Goals: probes in the graph, against plain inference and transformers"
    return shown(title, found, GOAL_COLUMNS)


def _met(good: bool) -> str:
    return "met" if good else "not met"
