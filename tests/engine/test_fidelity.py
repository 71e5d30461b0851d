"""What is said of a precision, against numbers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import vitonnx as vx
from vitonnx.engine import compare_engines
from vitonnx.engine._fidelity import FIDELITY_PROBES, measure_fidelity, rank_correlation
from vitonnx.errors import UsageError

Exported = Callable[[str], Path]


def pictures(count: int = 3) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (count, 50, 61, 3), np.uint8))


def test_rank_correlation_is_spearmans() -> None:
    one, other = np.array([1.0, 2, 3, 4, 5]), np.array([2.0, 1, 4, 3, 5])
    # 1 - 6 sum d² / (n (n² - 1)), with d² = 1 + 1 + 1 + 1.
    assert rank_correlation(one, other) == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert rank_correlation(one, -one) == -1
    assert rank_correlation(one, one**3) == 1


def test_the_same_results_are_alike(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    results = list(engine.stream(pictures(), FIDELITY_PROBES))
    same = measure_fidelity(results, results)
    assert (same.pictures, same.prediction, same.heads, same.rollout) == (3, 1.0, 1.0, 1.0)
    assert (same.masks, same.distance) == (1.0, 0.0)
    assert same.holds()


def test_results_of_other_pictures_are_not(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu")
    results = list(engine.stream(pictures(), FIDELITY_PROBES))
    other = measure_fidelity(results, [*results[1:], results[0]])
    assert other.heads < 0.9
    assert other.masks < 0.9
    assert other.distance > 0.001
    assert not other.holds()


@pytest.mark.parametrize("kind", ["plain", "headless"])
def test_half_precision_is_close(kind: str, exported: Exported) -> None:
    exact, half = (
        vx.Engine(exported(kind), device="cpu", precision=each) for each in ("fp32", "fp16")
    )
    found = compare_engines(exact, half, pictures())
    assert (found.prediction is None) == (kind == "headless")
    assert found.holds()
    assert 0 < found.distance < 0.01


def test_int8_does_not_depend_on_the_batch(exported: Exported) -> None:
    engine = vx.Engine(exported("plain"), device="cpu", precision="int8")
    assert engine.batch_size == 1
    together = engine.probe(pictures(), vx.Heads())
    for picture, expected in zip(pictures(), together, strict=True):
        alone = engine.probe(picture, vx.Heads())[0]
        np.testing.assert_array_equal(alone.attention, expected.attention)


def test_an_unknown_precision_is_refused(exported: Exported) -> None:
    with pytest.raises(UsageError, match="'fp8' is unknown; use fp32, fp16, bf16, int8"):
        vx.Engine(exported("plain"), precision="fp8")
