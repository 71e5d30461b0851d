"""What the device can do at most: a large product, a large copy, and the way to it."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.gpu.rows import Rows
from benchmarks.tables import table

if TYPE_CHECKING:
    from benchmarks.gpu.bench import Bench

ROUNDS = 5


def measure(bench: Bench) -> None:
    import torch

    device, rows = bench.asked.device, bench.rows
    cuda = device == "cuda"
    side = 8192 if cuda else 512

    def seconds(work: Callable[[], object], calls: int, *, queued: bool = True) -> float:
        work()
        blocks = [bench.clock.block(work, calls, queued=queued) for _ in range(ROUNDS)]
        return statistics.median(blocks)

    for kind in (torch.float16, torch.bfloat16, torch.float32):
        what = f"product of {side}^2 by {side}^2, {str(kind).removeprefix('torch.')}"
        with rows.tried(section="ceilings", what=what):
            one, other = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
            found = seconds(partial(torch.mm, one, other), 10 if cuda else 1)
            rate = 2 * side**3 / found / 1e12
            half = kind is bench.card.half
            rows.add(section="ceilings", what=what, rate=rate, unit="TFLOP/s", product=half)
    with rows.tried(section="ceilings", what="copy on the device"):
        source = torch.randn(2**30 if cuda else 2**22, device=device)
        found = seconds(partial(torch.empty_like(source).copy_, source), 5)
        rate = 2 * source.nbytes / found / 1e12
        rows.add(section="ceilings", what="copy, read and written", rate=rate, unit="TB/s")
        del source
    for pinned in (False, True) if cuda else ():
        what = f"{'pinned' if pinned else 'pageable'} pictures to the device"
        with rows.tried(section="ceilings", what=what):
            host = torch.zeros((32, 224, 224, 3), dtype=torch.uint8, pin_memory=pinned)
            there = torch.empty_like(host, device=device, pin_memory=False)
            found = seconds(partial(there.copy_, host), 50, queued=False)
            rows.add(section="ceilings", what=what, rate=32 / found, unit="pictures/s")
    bench.card.empty()


def product_rate(rows: Rows) -> float | None:
    """Give the TFLOP/s of a large product in the precision that graphs are measured in."""
    return next((row["rate"] for row in rows.of("ceilings") if row.get("product")), None)


def report(rows: Rows) -> list[str]:
    cells = [[row["what"], f"{row['rate']:.4g} {row['unit']}"] for row in rows.of("ceilings")]
    return table("Ceilings", ("what", "rate"), cells) if cells else []
