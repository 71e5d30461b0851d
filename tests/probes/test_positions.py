import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.probes import Layout, Positions, PositionsResult, WeightProbe, position_similarity

GRIDS = [((3, 5), 0), ((5, 3), 1), ((2, 7), 2), ((7, 2), 5)]
PREFIX = ("cls", "dist", "reg0", "reg1", "reg2")


def random_embedding(positions: int, dim: int = 13) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(1, 2, (positions, dim)).astype(np.float32)


def layout(grid: tuple[int, int] | None, prefix: int) -> Layout:
    """A model whose input has another grid than its position embedding."""
    return Layout(
        grid=(11, 13),
        patch_size=7,
        prefix_tokens=PREFIX,
        blocks=3,
        heads=2,
        position_grid=grid,
        position_prefix=PREFIX[:prefix],
    )


@pytest.mark.parametrize(("grid", "prefix"), GRIDS)
@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_similarity_equals_a_slow_loop(
    xp: Any, grid: tuple[int, int], prefix: int, metric: Any
) -> None:
    patches = math.prod(grid)
    embedding = random_embedding(prefix + patches)
    before = embedding.copy()
    found = np.asarray(
        position_similarity(xp.asarray(embedding), grid=grid, prefix=prefix, metric=metric)
    )
    assert found.shape == (patches, patches)
    assert found.dtype == np.float32
    for one, other in np.ndindex(found.shape):
        first, second = (list(map(float, embedding[prefix + patch])) for patch in (one, other))
        dot = math.fsum(a * b for a, b in zip(first, second, strict=True))
        expected = dot if metric == "dot" else dot / (math.hypot(*first) * math.hypot(*second))
        # One rounding to float32; dot products are up to some 100.
        assert found[one, other] == pytest.approx(expected, rel=1e-6, abs=1e-7)
    np.testing.assert_array_equal(embedding, before)


def test_dot_products_are_those_of_the_notebook() -> None:
    """probing-vits, visualizing-positional-embeddings: without the class token's row, E @ E.T."""
    embedding = random_embedding(1 + 35)
    notebook = embedding[1:] @ embedding[1:].T
    found = position_similarity(embedding, grid=(5, 7), prefix=1, metric="dot")
    np.testing.assert_allclose(found, notebook, rtol=1e-5, atol=1e-4)  # sums in float32 there


def test_a_patch_is_like_itself(xp: Any) -> None:
    embedding = xp.asarray(random_embedding(35))
    found = np.asarray(position_similarity(embedding, grid=(5, 7), prefix=0))
    np.testing.assert_array_equal(np.diag(found), np.ones(35, np.float32))
    np.testing.assert_array_equal(found, found.T)
    assert (abs(found) <= 1).all()


def test_a_row_of_zeros_is_like_nothing(xp: Any) -> None:
    embedding = random_embedding(6)
    embedding[2] = 0
    found = np.asarray(position_similarity(xp.asarray(embedding), grid=(2, 3), prefix=0))
    np.testing.assert_array_equal(found[2], np.zeros(6))


def test_the_prefix_does_not_matter(xp: Any) -> None:
    embedding = random_embedding(2 + 15)
    moved = embedding.copy()
    moved[:2] = 1e6
    first, second = (
        np.asarray(position_similarity(xp.asarray(rows), grid=(3, 5), prefix=2))
        for rows in (embedding, moved)
    )
    np.testing.assert_array_equal(first, second)


def test_cosine_does_not_depend_on_the_scale() -> None:
    embedding = random_embedding(15)
    found = position_similarity(embedding, grid=(3, 5), prefix=0)
    np.testing.assert_array_equal(
        position_similarity(embedding * 1024, grid=(3, 5), prefix=0), found
    )


@pytest.mark.parametrize("shape", [(16, 13), (14, 13), (15,), (1, 15, 13)])
def test_misfits_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"a grid of 3x5 with 0 rows of .* needs \(15, dim\)"):
        position_similarity(np.ones(shape), grid=(3, 5), prefix=0)


@pytest.mark.parametrize("metric", ["cos", "", "Dot"])
def test_an_unknown_metric_lists_those_there_are(metric: Any) -> None:
    message = f"metric {metric!r} is unknown; there are cosine, dot"
    with pytest.raises(UsageError, match=message):
        Positions(metric=metric)
    with pytest.raises(UsageError, match=message):
        position_similarity(np.ones((15, 13)), grid=(3, 5), prefix=0, metric=metric)


@pytest.mark.parametrize(("grid", "prefix"), GRIDS)
def test_the_probe_takes_grid_and_prefix_of_the_embedding(
    xp: Any, grid: tuple[int, int], prefix: int
) -> None:
    model = layout(grid, prefix)
    embedding = random_embedding(prefix + math.prod(grid)).astype(np.float64)
    probe = Positions(metric="dot")
    result = probe.compute({"position_embedding": xp.asarray(embedding)}, model)
    expected = position_similarity(
        embedding.astype(np.float32), grid=grid, prefix=prefix, metric="dot"
    )
    assert np.asarray(result.similarity).dtype == np.float32
    np.testing.assert_array_equal(np.asarray(result.similarity), expected)
    assert (result.grid, result.metric) == (grid, "dot")


def test_a_model_without_positions_says_so() -> None:
    with pytest.raises(UsageError, match="no position embedding to compare"):
        Positions().reads(layout(None, 0))
    with pytest.raises(UsageError, match="no position embedding to compare"):
        Positions().compute({}, layout(None, 0))


def test_it_is_a_weight_probe() -> None:
    probe: WeightProbe[PositionsResult] = Positions()
    assert (probe.name, probe.reads(layout((3, 5), 1))) == ("positions", ("position_embedding",))
