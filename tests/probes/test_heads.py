from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from probes.random_attention import random_attention
from vitonnx.errors import UsageError
from vitonnx.probes import head_maps, mass_mask

GRIDS = [((3, 5), 0), ((5, 3), 1), ((2, 7), 2), ((7, 2), 5)]


def test_class_row_of_three_tokens(xp: Any) -> None:
    attention = xp.asarray([[[[0.5, 0.375, 0.125], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]]])
    maps = head_maps(attention, grid=(2, 1), prefix=1)
    assert np.asarray(maps).tolist() == [[[[0.375], [0.125]]]]


def test_mean_over_patch_queries_leaves_the_class_query_out(xp: Any) -> None:
    attention = xp.asarray([[[[0.5, 0.375, 0.125], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]]]])
    maps = head_maps(attention, grid=(1, 2), prefix=1, query=None)
    assert np.asarray(maps).tolist() == [[[[0.625, 0.25]]]]


@pytest.mark.parametrize(("grid", "prefix"), GRIDS)
def test_maps_equal_a_slow_loop(xp: Any, grid: tuple[int, int], prefix: int) -> None:
    (rows, columns), heads, batch, query = grid, 3, 2, 4
    tokens = prefix + rows * columns
    attention = random_attention(batch, heads, tokens, tokens)
    before = attention.copy()
    maps = np.asarray(head_maps(xp.asarray(attention), grid=grid, prefix=prefix, query=query))
    assert maps.shape == (batch, heads, rows, columns)
    assert maps.dtype == np.float32
    for picture, head, row, column in np.ndindex(maps.shape):
        key = prefix + row * columns + column
        assert maps[picture, head, row, column] == attention[picture, head, query, key]
    np.testing.assert_array_equal(attention, before)


def test_heads_keep_their_order() -> None:
    attention, order = random_attention(2, 5, 7, 7), [3, 0, 4, 1, 2]
    maps = head_maps(attention, grid=(2, 3), prefix=1)
    permuted = head_maps(attention[:, order], grid=(2, 3), prefix=1)
    np.testing.assert_array_equal(permuted, maps[:, order])


def test_no_pictures_give_no_maps() -> None:
    assert head_maps(np.ones((0, 3, 7, 7)), grid=(2, 3), prefix=1).shape == (0, 3, 2, 3)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 7, 7), {}, r"Add a batch axis with attention\[None\]"),
        ((1, 3, 7, 6), {}, "queries and keys, must be equally long"),
        ((1, 3, 8, 8), {}, "has 8 tokens; a grid of 2x3 with 1 prefix tokens has 7"),
        ((1, 3, 7, 7), {"query": 7}, "no query token 7; there are 0 to 6"),
        ((1, 3, 7, 7), {"query": -1}, "no query token -1"),
    ],
)
def test_misfits_are_named(shape: tuple[int, ...], options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        head_maps(np.ones(shape), grid=(2, 3), prefix=1, **options)


def slow_mask(values: NDArray[np.float32], mass: float) -> NDArray[np.bool_]:
    """Take the largest patch again and again, until the share is reached."""
    taken = np.zeros(values.shape, bool)
    total = sum(map(float, values.ravel()))
    while sum(map(float, values[taken])) < mass * total:
        best = max(
            (where for where in np.ndindex(values.shape) if not taken[where]),
            key=lambda where: (values[where], -where[0], -where[1]),
        )
        taken[best] = True
    return taken


@pytest.mark.parametrize("mass", [0.05, 0.6, 0.93])
def test_mask_equals_a_slow_loop(xp: Any, mass: float) -> None:
    maps = random_attention(2, 3, 5, 7)
    mask = np.asarray(mass_mask(xp.asarray(maps), mass))
    assert mask.dtype == np.bool_
    for picture, head in np.ndindex(2, 3):
        np.testing.assert_array_equal(mask[picture, head], slow_mask(maps[picture, head], mass))


def test_mask_includes_the_patch_that_crosses(xp: Any) -> None:
    maps = xp.asarray([[[[4.0, 1.0], [2.0, 1.0]]]])
    # 4 of 8 is just half; a little more than half needs the next patch too.
    assert np.asarray(mass_mask(maps, 0.5)).tolist() == [[[[True, False], [False, False]]]]
    assert np.asarray(mass_mask(maps, 0.51)).tolist() == [[[[True, False], [True, False]]]]


def test_mask_of_equal_patches_takes_the_first(xp: Any) -> None:
    # Three values for 143 patches: the share ends in the middle of equal ones.
    maps = np.random.default_rng(0).integers(1, 4, (1, 1, 11, 13)).astype(np.float32)
    mask = np.asarray(mass_mask(xp.asarray(maps), 0.6))
    np.testing.assert_array_equal(mask[0, 0], slow_mask(maps[0, 0], 0.6))


def test_all_the_mass_is_all_patches_that_have_any(xp: Any) -> None:
    maps = xp.asarray([[[[0.5, 0.0, 1e-9]]]])
    assert np.asarray(mass_mask(maps, 1.0)).ravel().tolist() == [True, False, True]


def test_mask_does_not_depend_on_the_scale() -> None:
    maps = random_attention(1, 3, 5, 7)
    np.testing.assert_array_equal(mass_mask(maps, 0.6), mass_mask(maps / 1024, 0.6))


@pytest.mark.parametrize("mass", [0, -0.5, 1.01, float("nan")])
def test_mass_out_of_range(mass: float) -> None:
    with pytest.raises(UsageError, match="more than 0 and at most 1"):
        mass_mask(np.ones((1, 1, 2, 3)), mass)
