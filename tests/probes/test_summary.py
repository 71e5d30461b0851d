import functools
import random
from typing import Any

import numpy as np
import pytest

from vitonnx.probes import PROBES, Distance, Entropy, Summary, TableProbe


def values(count: int, *, offset: float = 0.0) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return list(offset + rng.normal(0, [[1, 2, 3], [5, 7, 11]], (count, 2, 3)))


def total_of(parts: list[np.ndarray]) -> Summary:
    return functools.reduce(Summary.merge, map(Summary.of, parts), Summary())


def test_mean_and_standard_deviation_are_those_of_all_at_once(xp: Any) -> None:
    parts = values(101)
    total = functools.reduce(Summary.merge, [Summary.of(xp.asarray(part)) for part in parts])
    assert total.count == 101
    assert total.mean.dtype == total.std.dtype == xp.float64
    # A hundred additions in double precision.
    np.testing.assert_allclose(np.asarray(total.mean), np.mean(parts, axis=0), rtol=1e-13)
    np.testing.assert_allclose(np.asarray(total.std), np.std(parts, axis=0), rtol=1e-13)


@pytest.mark.parametrize("sizes", [[1, 100], [50, 51], [100, 1], [7, 0, 31, 2, 61]])
def test_parts_merge_into_the_whole(sizes: list[int]) -> None:
    """However a data set is dealt to workers, and in whatever order they end."""
    parts, whole = iter(values(101)), total_of(values(101))
    workers = [total_of([next(parts) for _ in range(size)]) for size in sizes]
    random.Random(0).shuffle(workers)
    merged = functools.reduce(Summary.merge, workers)
    assert merged.count == 101
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(merged.std, whole.std, rtol=1e-13)


def test_one_by_one_gives_the_same_bits_wherever_it_pauses() -> None:
    parts = values(31)
    paused = functools.reduce(Summary.merge, map(Summary.of, parts[13:]), total_of(parts[:13]))
    np.testing.assert_array_equal(paused.mean, total_of(parts).mean)
    np.testing.assert_array_equal(paused.squares, total_of(parts).squares)


def test_a_large_mean_does_not_eat_the_deviation() -> None:
    """Where the mean of squares less the square of the mean would be noise, or negative."""
    parts = values(1000, offset=1e9)
    # Values of a billion have seven digits after the point; deviations are at least 1.
    np.testing.assert_allclose(total_of(parts).std, np.std(values(1000), axis=0), rtol=1e-6)


def test_single_precision_is_added_up_in_double() -> None:
    parts = [part.astype(np.float32) for part in values(1000, offset=1e4)]
    exact = np.stack(parts).astype(np.float64)
    assert total_of(parts).mean.dtype == np.float64
    np.testing.assert_allclose(total_of(parts).mean, exact.mean(axis=0), rtol=1e-13)
    # Ten thousand and its deviations differ by four digits, squared by eight.
    np.testing.assert_allclose(total_of(parts).std, exact.std(axis=0), rtol=1e-9)


def test_one_picture_deviates_by_nothing() -> None:
    total = Summary.of(np.asarray([2.0, 3.0]))
    assert (total.count, total.mean.tolist(), total.std.tolist()) == (1, [2.0, 3.0], [0.0, 0.0])


def test_nothing_has_no_mean() -> None:
    assert Summary().count == Summary().merge(Summary()).count == 0
    assert np.isnan(Summary().mean)
    assert np.isnan(Summary().std)
    single = Summary.of(np.asarray([2.0]))
    assert Summary().merge(single) is single.merge(Summary()) is single


def test_values_and_summaries_are_left_as_they_are() -> None:
    first, second = Summary.of(np.asarray([1.0])), Summary.of(np.asarray([5.0]))
    first.merge(second)
    assert (first.mean.tolist(), second.mean.tolist(), first.count) == ([1.0], [5.0], 1)


def test_some_probes_have_totals() -> None:
    assert [probe for probe in PROBES if issubclass(probe, TableProbe)] == [Distance, Entropy]
