"""Position embeddings at other grids, against the code that the models' authors call."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import zoom

from vitonnx.errors import UsageError
from vitonnx.positions import resampling_matrix, sincos_table

GRIDS = [(11, 5), (4, 13), (8, 7)]
FROZEN = Path(__file__).with_name("data") / "positions.npz"  # recipe: tests/export/freeze.py


@pytest.mark.parametrize("interpolation", ["timm", "huggingface", "dino"])
@pytest.mark.parametrize("grid", GRIDS)
def test_bicubic_ways_equal_torch(interpolation: str, grid: tuple[int, int]) -> None:
    with np.load(FROZEN) as frozen:
        table = frozen["table"][0]
        expected = frozen[f"{interpolation}_{grid[0]}x{grid[1]}"][0]
    matrix = resampling_matrix((7, 7), grid, interpolation=interpolation)
    got = (matrix @ table.reshape(3, 49).T).T.reshape(3, *grid)
    # torch computes coordinates in float32, here they are float64: some 1e-6 of values near 3.
    np.testing.assert_allclose(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("grid", GRIDS)
def test_the_jax_way_equals_scipy(grid: tuple[int, int]) -> None:
    table = np.random.default_rng(0).standard_normal((5, 7, 3))
    expected = zoom(table, (grid[0] / 5, grid[1] / 7, 1), order=1)
    matrix = resampling_matrix((5, 7), grid, interpolation="jax")
    got = (matrix @ table.reshape(35, 3)).reshape(*grid, 3)
    np.testing.assert_allclose(got, expected, atol=1e-6)  # the matrix is float32


@pytest.mark.parametrize("interpolation", ["timm", "huggingface", "dino", "jax"])
@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_prefix_rows_stay_and_weights_sum_to_one(interpolation: str, prefix: int) -> None:
    matrix = resampling_matrix((5, 7), (3, 11), interpolation=interpolation, prefix=prefix)
    assert matrix.shape == (prefix + 33, prefix + 35)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix[:prefix], np.eye(prefix, prefix + 35))
    assert not matrix[prefix:, :prefix].any()
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["timm", "huggingface", "dino", "jax"])
def test_the_same_grid_is_left_alone(interpolation: str) -> None:
    """DINO's 0.1 would otherwise shift every position, which its own code avoids too."""
    matrix = resampling_matrix((5, 7), (5, 7), interpolation=interpolation, prefix=1)
    np.testing.assert_array_equal(matrix, np.eye(36))


def test_the_ways_differ() -> None:
    matrices = [
        resampling_matrix((7, 7), (4, 13), interpolation=way)
        for way in ("timm", "huggingface", "dino", "jax")
    ]
    for index, matrix in enumerate(matrices):
        for other in matrices[index + 1 :]:
            assert np.abs(matrix - other).max() > 1e-3


def test_an_unknown_way_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"'cubic' is unknown; use timm, dino"):
        resampling_matrix((2, 2), (3, 3), interpolation="cubic")


def test_sincos_table_equals_its_formula() -> None:
    table = sincos_table((3, 5), 12, prefix=2)
    assert table.shape == (17, 12)
    assert not table[:2].any()
    for row in range(3):
        for column in range(5):
            for k in range(3):
                w = 1 / 10_000 ** (k / 2)
                expected = [
                    np.sin(column * w),
                    np.cos(column * w),
                    np.sin(row * w),
                    np.cos(row * w),
                ]
                got = table[2 + row * 5 + column].reshape(4, 3)[:, k]
                np.testing.assert_allclose(got, expected, atol=1e-6)


def test_sincos_needs_four_quarters() -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        sincos_table((3, 5), 10)
