import math
from typing import Any

import array_api_strict
import numpy as np
import pytest
from numpy.typing import NDArray

from probes.random_attention import random_attention
from vitonnx.errors import UsageError
from vitonnx.probes import mean_attention_distance

GRID = (3, 5)
# Sums of tens of products in single precision, of a few tens of pixels: units in the last place.
SINGLE = 2e-5
# The same in double precision.
DOUBLE = 1e-12


def slow_distance(
    attention: NDArray[np.floating[Any]],
    grid: tuple[int, int],
    patch_size: int,
    prefix: int,
    *,
    renormalize: bool,
) -> float:
    """One head's (tokens, tokens), patch by patch, as appendix D.7 tells it."""
    rows, columns = grid
    centres = [
        ((row + 0.5) * patch_size, (column + 0.5) * patch_size)
        for row in range(rows)
        for column in range(columns)
    ]
    reached = []
    for query, (y, x) in enumerate(centres):
        paid = [float(attention[prefix + query, prefix + key]) for key in range(len(centres))]
        far = sum(
            weight * math.hypot(y - other_y, x - other_x)
            for weight, (other_y, other_x) in zip(paid, centres, strict=True)
        )
        reached.append(far / sum(paid) if renormalize else far)
    return sum(reached) / len(reached)


def notebook_distance(
    attention: NDArray[np.float32], patch_size: int, cls_tokens: int
) -> NDArray[np.float64]:
    """(batch, heads), in the steps of probing-vits: a table of distances, a product, two means."""
    kept = attention[..., cls_tokens:, cls_tokens:]
    patches = kept.shape[-1]
    length = int(np.sqrt(patches))
    places = np.array([(patch // length, patch % length) for patch in range(patches)])
    table = patch_size * np.linalg.norm(places[:, None] - places[None, :], axis=-1)
    distances: NDArray[np.float64] = (kept * table).sum(axis=-1).mean(axis=-1)
    return distances


@pytest.mark.parametrize("renormalize", [False, True])
@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
@pytest.mark.parametrize("grid", [GRID, (7, 2), (1, 11)])
def test_distance_equals_a_slow_loop(
    xp: Any, grid: tuple[int, int], prefix: int, renormalize: bool
) -> None:
    tokens = prefix + grid[0] * grid[1]
    attention = random_attention(2, 3, tokens, tokens)
    before = attention.copy()
    options: Any = {"grid": grid, "patch_size": 7, "prefix": prefix, "renormalize": renormalize}
    found = mean_attention_distance(xp.asarray(attention), **options)
    assert (found.shape, found.dtype) == ((2, 3), xp.float64)
    in_doubles = mean_attention_distance(xp.asarray(attention.astype(np.float64)), **options)
    for picture, head in np.ndindex(2, 3):
        expected = slow_distance(attention[picture, head], grid, 7, prefix, renormalize=renormalize)
        assert float(found[picture, head]) == pytest.approx(expected, abs=SINGLE)
        assert float(in_doubles[picture, head]) == pytest.approx(expected, rel=DOUBLE)
    np.testing.assert_array_equal(attention, before)


def test_four_patches_by_hand(xp: Any) -> None:
    """A square of patches of 10 pixels: neighbours are 10 apart, corners 10 times the root of 2."""
    attention = np.zeros((1, 1, 5, 5))
    attention[0, 0, 0, 4] = 1.0  # the class token's own row doesn't count
    attention[0, 0, 1, [1, 2]] = 0.5  # at itself and to the right: 5
    attention[0, 0, 2, [0, 4]] = 0.8, 0.2  # most to the class token, and below: 2
    attention[0, 0, 3, 2] = 1.0  # across: 14.14…
    attention[0, 0, 4, 0] = 1.0  # nothing but the class token: 0
    options: Any = {"grid": (2, 2), "patch_size": 10, "prefix": 1}
    found = mean_attention_distance(xp.asarray(attention), **options)
    assert float(found[0, 0]) == pytest.approx((5 + 2 + math.sqrt(200) + 0) / 4, rel=DOUBLE)
    # Rescaled, the second looks wholly at its neighbour; the last still reaches nowhere.
    rescaled = mean_attention_distance(xp.asarray(attention), renormalize=True, **options)
    assert float(rescaled[0, 0]) == pytest.approx((5 + 10 + math.sqrt(200) + 0) / 4, rel=DOUBLE)


@pytest.mark.parametrize("prefix", [1, 2])
def test_distance_equals_the_notebooks_where_they_are_right(prefix: int) -> None:
    tokens = prefix + 49
    attention = random_attention(2, 3, tokens, tokens)
    found = mean_attention_distance(attention, grid=(7, 7), patch_size=16, prefix=prefix)
    np.testing.assert_allclose(found, notebook_distance(attention, 16, prefix), rtol=1e-6)


def test_where_the_notebooks_are_wrong() -> None:
    # 2 x 8 patches are as many as 4 x 4, and the notebooks fold them so.
    attention = random_attention(1, 3, 17, 17)
    found = mean_attention_distance(attention, grid=(2, 8), patch_size=16, prefix=1)
    assert (np.abs(found - notebook_distance(attention, 16, 1)) > 1).all()
    # With four registers they drop the class token alone, and have 20 "patches" folded by 4.
    attention = random_attention(1, 3, 21, 21)
    found = mean_attention_distance(attention, grid=(4, 4), patch_size=16, prefix=5)
    assert (np.abs(found - notebook_distance(attention, 16, 1)) > 1).all()
    # What they say adds to 1 doesn't: that is what `renormalize` is for.
    rescaled = mean_attention_distance(
        attention, grid=(4, 4), patch_size=16, prefix=5, renormalize=True
    )
    assert (rescaled > found + 1).all()


def test_uniform_attention_reaches_the_mean_distance_of_all_pairs() -> None:
    attention = np.full((1, 2, 15, 15), 1 / 15)
    pairs = [
        math.dist(divmod(query, 5), divmod(key, 5)) for query in range(15) for key in range(15)
    ]
    found = mean_attention_distance(attention, grid=GRID, patch_size=7, prefix=0)
    np.testing.assert_allclose(found, 7 * sum(pairs) / len(pairs), rtol=DOUBLE)


def test_distance_grows_with_the_patch() -> None:
    attention = random_attention(1, 2, 16, 16)
    small, large = (
        mean_attention_distance(attention, grid=GRID, patch_size=size, prefix=1) for size in (8, 16)
    )
    np.testing.assert_allclose(large, 2 * small, rtol=DOUBLE)


def test_permuted_heads_permute_the_distances() -> None:
    attention, order = random_attention(2, 5, 16, 16), [3, 0, 4, 1, 2]
    options: Any = {"grid": GRID, "patch_size": 7, "prefix": 1}
    # A matrix product may add a row's terms in an order that depends on where the row stands.
    np.testing.assert_allclose(
        mean_attention_distance(attention[:, order], **options),
        mean_attention_distance(attention, **options)[:, order],
        rtol=1e-6,
    )


def test_half_precision_is_summed_in_single() -> None:
    attention = random_attention(1, 2, 901, 901).astype(np.float16)
    options: Any = {"grid": (30, 30), "patch_size": 16, "prefix": 1, "renormalize": True}
    found = mean_attention_distance(attention, **options)
    single = mean_attention_distance(attention.astype(np.float32), **options)
    np.testing.assert_allclose(found, single, rtol=1e-6)


def test_it_asks_nothing_of_a_library_but_the_standard() -> None:
    attention = array_api_strict.asarray(random_attention(1, 2, 16, 16))
    found = mean_attention_distance(attention, grid=GRID, patch_size=7, prefix=1, renormalize=True)
    assert isinstance(found, type(attention))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 16, 16), r"has shape \(3, 16, 16\).*attention\[None\]"),
        ((1, 3, 16, 15), "must be equally long"),
        ((1, 3, 17, 17), "has 17 tokens; a grid of 3x5 with 1 prefix tokens has 16"),
    ],
)
def test_misfits_are_named(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mean_attention_distance(np.ones(shape), grid=GRID, patch_size=7, prefix=1)
