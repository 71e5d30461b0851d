"""The bootstrap, against a slow loop and against what theory says."""

from __future__ import annotations

import numpy as np
import pytest

from vitonnx.evaluate import bootstrap_interval

VALUES = np.random.default_rng(5).gamma(2.0, size=37)


def test_it_is_what_a_slow_loop_finds() -> None:
    """With resamples of its own, so that both know the interval's ends up to chance only."""
    generator = np.random.default_rng(99)
    means = sorted(sum(VALUES[generator.integers(37)] for _ in range(37)) / 37 for _ in range(4000))
    # 2.5 % of 4000 below, 2.5 % above.
    expected = means[100], means[3899]
    spread = VALUES.std() / np.sqrt(37)
    # An end of the interval is known to about 0.04 spreads from 4000 resamples, and from 10,000
    # to 0.03: four times both together.
    assert bootstrap_interval(VALUES) == pytest.approx(expected, abs=0.2 * spread)


def test_it_is_as_wide_as_the_normal_one_where_that_holds() -> None:
    """Of 2000 numbers: 1.96 standard errors to both sides."""
    values = np.random.default_rng(6).normal(3.0, 0.7, 2000)
    low, high = bootstrap_interval(values)
    half = 1.96 * 0.7 / np.sqrt(2000)
    # The sample's own spread differs from 0.7 by some 2 %, the interval's ends by as much.
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
    assert low < values.mean() < high


def test_a_smaller_share_is_a_narrower_interval() -> None:
    low, high = bootstrap_interval(VALUES)
    inner_low, inner_high = bootstrap_interval(VALUES, share=0.5)
    assert low < inner_low < VALUES.mean() < inner_high < high


def test_the_same_seed_gives_the_same_interval() -> None:
    assert bootstrap_interval(VALUES) == bootstrap_interval(VALUES)
    assert bootstrap_interval(VALUES, seed=1) != bootstrap_interval(VALUES)


def test_resamples_need_not_fill_a_batch() -> None:
    low, high = bootstrap_interval(np.full(7, 0.25), resamples=503)
    assert (low, high) == (0.25, 0.25)
