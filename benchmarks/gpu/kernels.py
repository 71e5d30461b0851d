"""Which kernels take the time, whoever launches them, as CUPTI sees it."""

from __future__ import annotations

import time

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.card import Runner
from benchmarks.gpu.graphs import BASE
from benchmarks.gpu.material import manifest_of
from benchmarks.gpu.rows import Rows, shown

WAYS = (BASE, "heads, fused", "rollout, fused", "distance, fused")
SHOWN, KEPT = 6, 25
CALLS = 10
COLUMNS = "us: {us:.0f} | share: {share:.0%} | times: {count:.0f} | kernel: {name:.70}"


def measure(bench: Bench) -> None:
    """Profile the first model, and the third, whose tokens are more."""
    batch = bench.asked.batches[0]
    for place, model in enumerate(bench.asked.models[:3:2]):
        for way in WAYS:
            about = {"section": "kernels", "model": model, "way": way}
            if bench.has_time(10, **about):
                with bench.rows.tried(**about):
                    _profile(bench, model, way, max(1, batch // (4 if place else 1)))


def _profile(bench: Bench, model: str, way: str, batch: int) -> None:
    from torch.profiler import ProfilerActivity, profile

    cuda = bench.card.device == "cuda"
    pixels = bench.card.pixels(batch, manifest_of(model).size)
    run = Runner(bench.graphs.get(model, way, bench.budget.left), bench.card).bind(pixels)
    run()
    activity = ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU
    with profile(activities=[activity], acc_events=True) as found:
        start = time.perf_counter()
        for _ in range(CALLS):
            run()
        bench.card.synchronise()
        wall = (time.perf_counter() - start) / CALLS
    sums: dict[str, list[float]] = {}
    for event in found.events():
        if str(event.device_type).endswith("CUDA"):
            entry = sums.setdefault(event.name, [0.0, 0.0])
            entry[0] += event.time_range.elapsed_us() / CALLS
            entry[1] += 1 / CALLS
    busy = sum(us for us, _ in sums.values())
    top = [
        {"name": name, "us": round(us, 1), "count": round(count, 1), "share": us / busy}
        for name, (us, count) in sorted(sums.items(), key=lambda each: -each[1][0])[:KEPT]
    ]
    about = {"section": "kernels", "model": model, "batch": batch, "way": way}
    launches = sum(count for _, count in sums.values())
    bench.rows.add(**about, wall_ms=wall * 1e3, busy_ms=busy / 1e3, launches=launches, top=top)


def report(rows: Rows) -> list[str]:
    lines: list[str] = []
    for row in rows.of("kernels"):
        title = f"Kernels of {row['model']} at {row['batch']}, {row['way']}: "
        title += f"{row['busy_ms']:.2f} ms of {row['wall_ms']:.2f}, {row['launches']:.0f} launches"
        lines += shown(title, row["top"][:SHOWN], COLUMNS)
    return lines
