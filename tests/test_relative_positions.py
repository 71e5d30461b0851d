"""Relative and rotary positions at other grids: by hand, and against the code of others."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from vitonnx.positions import patch_coordinates, relative_index, relative_matrix

GRIDS = [((5, 7), (3, 11)), ((7, 7), (9, 8)), ((4, 3), (4, 5))]


def test_an_index_is_of_offsets() -> None:
    rows, columns = 3, 5
    index = relative_index((rows, columns), prefix=1)
    for query in range(rows * columns):
        for key in range(rows * columns):
            down = query // columns - key // columns
            across = query % columns - key % columns
            expected = (down + rows - 1) * (2 * columns - 1) + across + columns - 1
            assert index[1 + query, 1 + key] == expected
    assert (index[0, 1:] == 45).all()
    assert (index[1:, 0] == 46).all()
    assert index[0, 0] == 47
    np.testing.assert_array_equal(relative_index((rows, columns)), index[1:, 1:])


@pytest.mark.parametrize("interpolation", ["timm", "huggingface"])
@pytest.mark.parametrize("prefix", [0, 1])
def test_rows_of_a_class_token_stay(interpolation: str, prefix: int) -> None:
    matrix = relative_matrix((5, 7), (3, 11), interpolation=interpolation, prefix=prefix)
    assert matrix.shape == (5 * 21 + 3 * prefix, 9 * 13 + 3 * prefix)
    extra = 3 * prefix
    np.testing.assert_array_equal(matrix[5 * 21 :, 9 * 13 :], np.eye(extra))
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("interpolation", ["timm", "huggingface"])
def test_the_same_grid_is_left_alone(interpolation: str) -> None:
    matrix = relative_matrix((3, 5), (3, 5), interpolation=interpolation, prefix=1)
    np.testing.assert_allclose(matrix, np.eye(48), atol=1e-6)


def test_no_offset_stays_no_offset() -> None:
    """Whatever the grid, the middle of a table is a patch's own."""
    for interpolation in ("timm", "huggingface"):
        matrix = relative_matrix((5, 7), (3, 11), interpolation=interpolation)
        middle = matrix[2 * 21 + 10]
        assert middle.argmax() == 4 * 13 + 6
        assert middle.max() == pytest.approx(1)


def test_coordinates_are_centres() -> None:
    found = patch_coordinates((2, 3), prefix=2)
    down, across = (-0.5, 0.5), (-2 / 3, 0, 2 / 3)
    expected = [(0, 0), (0, 0), *((y, x) for y in down for x in across)]
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.peers
@pytest.mark.parametrize(("old", "new"), GRIDS)
def test_a_table_is_resampled_as_timm_does(old: tuple[int, int], new: tuple[int, int]) -> None:
    import torch
    from timm.layers.pos_embed_rel import resize_rel_pos_bias_table

    rows, columns = (math.prod(2 * side - 1 for side in grid) + 3 for grid in (old, new))
    table = np.random.default_rng(0).standard_normal((rows, 4)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about timm's ways of indexing
        expected = resize_rel_pos_bias_table(
            torch.from_numpy(table), new, (columns, 4), old_window_size=old
        )
    matrix = relative_matrix(old, new, interpolation="timm", prefix=1)
    # Places grow by a factor that is found to 1e-6.
    np.testing.assert_allclose(matrix @ table, expected.numpy(), atol=2e-5)


@pytest.mark.peers
@pytest.mark.parametrize(("old", "new"), GRIDS)
def test_a_table_is_resampled_as_transformers_does(
    old: tuple[int, int], new: tuple[int, int]
) -> None:
    import torch

    sides = [tuple(2 * side - 1 for side in grid) for grid in (old, new)]
    table = np.random.default_rng(0).standard_normal((4, *sides[0])).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(table[None]), size=sides[1], mode="bilinear"
    )
    matrix = relative_matrix(old, new, interpolation="huggingface")
    found = matrix @ table.reshape(4, -1).T
    np.testing.assert_allclose(found.T, expected.numpy().reshape(4, -1), atol=1e-5)
