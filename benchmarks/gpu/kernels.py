"""Which kernels take the time, whoever launches them, as CUPTI sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.gpu.card import Runner
from benchmarks.gpu.graphs import BASE
from benchmarks.gpu.material import manifest_of
from benchmarks.gpu.rows import Rows
from benchmarks.tables import table

if TYPE_CHECKING:
    from benchmarks.gpu.bench import Bench

WAYS = (BASE, "heads, fused", "rollout, fused", "distance, fused")
SHOWN, KEPT = 8, 25
LONGEST = 70  # letters of a kernel's name


def measure(bench: Bench) -> None:
    """Profile the first model, and the third, whose tokens are more."""
    batch = bench.asked.batches[0]
    _model(bench, bench.asked.models[0], batch)
    for model in bench.asked.models[2:3]:
        _model(bench, model, max(1, batch // 4))


def _model(bench: Bench, model: str, batch: int) -> None:
    from torch.profiler import ProfilerActivity, profile

    cuda = bench.asked.device == "cuda"
    pixels, calls = bench.card.pixels(batch, manifest_of(model).size), 10 if cuda else 1
    for way in WAYS:
        about: dict[str, Any] = {"section": "kernels", "model": model, "batch": batch, "way": way}
        if not bench.has_time(10, **about):
            return
        with bench.rows.tried(**about):
            file = bench.graphs.get(model, way, bench.budget.left)
            run = Runner(file, bench.card).bind(pixels)
            run()
            activity = ProfilerActivity.CUDA if cuda else ProfilerActivity.CPU
            with profile(activities=[activity], acc_events=True) as found:
                start = time.perf_counter()
                for _ in range(calls):
                    run()
                bench.card.synchronise()
                wall = (time.perf_counter() - start) / calls
            sums: dict[str, list[float]] = {}
            for event in found.events():
                if str(event.device_type).endswith("CUDA"):
                    entry = sums.setdefault(event.name, [0.0, 0.0])
                    entry[0] += event.time_range.elapsed_us() / calls
                    entry[1] += 1 / calls
            ordered = sorted(sums.items(), key=lambda each: -each[1][0])
            bench.rows.add(
                **about,
                wall_ms=wall * 1e3,
                busy_ms=sum(us for us, _ in sums.values()) / 1e3,
                launches=sum(count for _, count in sums.values()),
                top=[[name, round(us, 1), round(count, 1)] for name, (us, count) in ordered[:KEPT]],
            )


def report(rows: Rows) -> list[str]:
    lines: list[str] = []
    for row in rows.of("kernels"):
        if not row["top"]:
            continue
        cells = [
            [f"{us:.0f}", f"{us / 10 / row['busy_ms']:.0f}%", f"{count:.0f}", name[:LONGEST]]
            for name, us, count in row["top"][:SHOWN]
        ]
        title = f"Kernels of {row['model']} at {row['batch']}, {row['way']}: "
        title += f"{row['busy_ms']:.2f} ms of {row['wall_ms']:.2f}, {row['launches']:.0f} launches"
        lines += table(title, ("us", "share", "times", "kernel"), cells)
    return lines
