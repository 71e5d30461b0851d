"""Votes of the nearest neighbours, against a slow loop written from the paper."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vitonnx.models.train import nearest_neighbours


def slowly(
    known: NDArray[np.float64],
    labels: NDArray[np.int64],
    query: NDArray[np.float64],
    classes: int,
    neighbours: int,
    temperature: float,
) -> int:
    """Wu et al. 2018, section 3.4: class c weighs the sum of exp(s_i / tau) over its neighbours."""
    similarities = []
    for embedding, label in zip(known, labels.tolist(), strict=True):
        product = sum(a * b for a, b in zip(embedding, query, strict=True))
        lengths = np.sqrt(sum(embedding**2)) * np.sqrt(sum(query**2))
        similarities.append((product / lengths, label))
    votes = [0.0] * classes
    for similarity, label in sorted(similarities, reverse=True)[:neighbours]:
        votes[label] += np.exp(similarity / temperature)
    return votes.index(max(votes))


@pytest.mark.parametrize(
    ("neighbours", "temperature"), [(20, 0.07), (1, 0.07), (7, 1.0), (1000, 0.5)]
)
def test_as_the_paper_has_it(neighbours: int, temperature: float) -> None:
    """Vectors of random length and direction: no two votes are near enough to be rounded round."""
    generator = np.random.default_rng(1)
    known = generator.standard_normal((71, 5)) * generator.uniform(0.1, 9, (71, 1))
    labels = generator.integers(0, 6, 71)
    queries = generator.standard_normal((37, 5)) * generator.uniform(0.1, 9, (37, 1))
    found = nearest_neighbours(
        known, labels, queries, classes=7, neighbours=neighbours, temperature=temperature
    )
    expected = [slowly(known, labels, query, 7, neighbours, temperature) for query in queries]
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int64
    assert len(set(expected)) > 2


def test_twenty_vote_at_a_temperature_of_7_hundredths_by_default() -> None:
    generator = np.random.default_rng(2)
    known, queries = generator.standard_normal((97, 3)), generator.standard_normal((53, 3))
    labels = generator.integers(0, 4, 97)
    expected = [slowly(known, labels, query, 4, 20, 0.07) for query in queries]
    np.testing.assert_array_equal(nearest_neighbours(known, labels, queries, classes=4), expected)


def test_more_queries_than_are_held_at_a_time() -> None:
    generator = np.random.default_rng(3)
    known, queries = generator.standard_normal((19, 4)), generator.standard_normal((523, 4))
    labels = generator.integers(0, 3, 19)
    at_once = nearest_neighbours(known, labels, queries, classes=3, neighbours=5)
    alone = [
        nearest_neighbours(known, labels, query[None], classes=3, neighbours=5)[0]
        for query in queries
    ]
    np.testing.assert_array_equal(at_once, alone)


def test_an_embedding_of_zero_divides_by_nothing() -> None:
    known, labels = np.zeros((3, 2)), np.array([1, 1, 0])
    np.testing.assert_array_equal(
        nearest_neighbours(known, labels, np.zeros((1, 2)), classes=2), [1]
    )
