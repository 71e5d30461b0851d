"""When two answers are the same: errors, ranks, and what every precision must keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import rank_correlation


@dataclass(frozen=True)
class Limits:
    """What must hold: the largest error of the largest value, and the rank correlation of maps."""

    error: float | None
    rank: float


# The least rank of a map may be a hundredth below the mean, which is meant here: in 36 patches, two
# neighbours that swap cost 0.0003. TF32 keeps ten bits of a factor, as fp16 does; bf16 keeps seven.
MODES = {
    "fp32": Limits(2e-4, 0.999),
    "tf32": Limits(None, 0.999),
    "fp16": Limits(None, 0.999),
    "bf16": Limits(None, 0.99),
    "int8": Limits(None, 0.9),
}
# Whatever the precision of the products: two runs of the same graph, in batches of other sizes.
SAME = 1e-4
# A threshold between two roundings moves a whole entry: the order is compared, less strictly. So it
# is for gradients, which pass every block twice, and through a relu.
UNSTEADY = {"discard": 0.99, "attribution": 0.98}
LOST = {"error": 1e9, "rank": -1.0, "least": -1.0}


def compare(found: NDArray[Any], expected: NDArray[Any]) -> dict[str, float]:
    """Give the largest error, and the mean and the least rank correlation over all maps."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return dict(LOST)
    error = float(np.abs(found.astype(np.float64) - expected).max() / np.abs(expected).max())
    # A row of numbers, such as distances by head, is a map as well.
    sides = 2 if expected.ndim > 2 and expected.shape[-1] > 1 else 1
    ranks = [
        rank_correlation(found[place], expected[place])
        for place in np.ndindex(*expected.shape[: expected.ndim - sides])
    ]
    return {"error": error, "rank": float(np.mean(ranks)), "least": min(ranks)}


def verdict(row: dict[str, Any]) -> bool | None:
    """Judge a row of the check; None where there is nothing to judge."""
    if "skipped" in row:
        return None
    if "failed" in row:
        return False
    if "ok" in row:
        return bool(row["ok"])
    if "error" not in row:
        return None
    limits = MODES[row["mode"]]
    less = [rank for word, rank in UNSTEADY.items() if word in row["what"]]
    rank = min(limits.rank, *less) if less else limits.rank
    near = bool(less) or limits.error is None or row["error"] <= limits.error
    return bool(near and row["rank"] >= rank and row["least"] >= rank - 0.01)
