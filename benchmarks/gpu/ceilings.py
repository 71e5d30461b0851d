"""What the device can do at most: a large product, a large copy, and the way to it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.rows import Rows, shown

ROUNDS = 5


def measure(bench: Bench) -> None:
    import torch

    device, rows = bench.asked.device, bench.rows.about(section="ceilings")
    cuda = device == "cuda"
    side = 8192 if cuda else 512

    def seconds(work: Callable[[], object], calls: int, *, queued: bool = True) -> float:
        work()
        blocks = [bench.clock.block(work, calls, queued=queued) for _ in range(ROUNDS)]
        return statistics.median(blocks)

    for kind in (torch.float16, torch.bfloat16, torch.float32):
        what = f"product of {side}^2 by {side}^2, {str(kind).removeprefix('torch.')}"
        with rows.tried(what=what):
            one, other = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
            found = seconds(partial(torch.mm, one, other), 10 if cuda else 1)
            rate, half = 2 * side**3 / found / 1e12, kind is bench.card.half
            rows.add(what=what, rate=rate, unit="TFLOP/s", product=half)
    with rows.tried(what="copy"):
        source = torch.randn(2**30 if cuda else 2**22, device=device)
        found = seconds(partial(torch.empty_like(source).copy_, source), 5)
        rows.add(what="copy, read and written", rate=2 * source.nbytes / found / 1e12, unit="TB/s")
        del source
    for kept in ("pageable", "pinned") if cuda else ():
        what = f"{kept} pictures to the device"
        with rows.tried(what=what):
            sides = (32, 224, 224, 3)
            host = torch.zeros(sides, dtype=torch.uint8, pin_memory=kept == "pinned")
            there = torch.zeros(sides, dtype=torch.uint8, device=device)
            found = seconds(partial(there.copy_, host), 50, queued=False)
            rows.add(what=what, rate=len(host) / found, unit="pictures/s")
    bench.card.empty()


def product_rate(rows: Rows) -> float | None:
    """Give the TFLOP/s of a large product in the precision that graphs are measured in."""
    return next((row["rate"] for row in rows.of("ceilings") if row.get("product")), None)


def report(rows: Rows) -> list[str]:
    return shown("Ceilings", rows.of("ceilings"), "what: {what} | rate: {rate:.4g} {unit}")
