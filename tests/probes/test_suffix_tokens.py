"""Tokens behind the patches: no map has them, and no distance; rollout goes through them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from probes.random_attention import random_attention
from vitonnx.errors import UsageError
from vitonnx.probes import Distance, Heads, Layout, Rollout, fold_patches

GRID, PATCH, BLOCKS, HEADS, PICTURES = (3, 5), 7, 2, 3, 2
PATCHES = GRID[0] * GRID[1]
SINGLE = 2e-5  # sums of tens of products in single precision, of a few tens of pixels

Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture(params=[(0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (5, 2)], ids=str)
def layout(request: pytest.FixtureRequest) -> Layout:
    prefix, suffix = request.param
    return Layout(
        grid=GRID,
        patch_size=PATCH,
        prefix_tokens=("cls", "reg0", "reg1", "reg2", "reg3")[:prefix],
        suffix_tokens=("suffix0", "suffix1")[:suffix],
        blocks=BLOCKS,
        heads=HEADS,
    )


@pytest.fixture
def attention(layout: Layout) -> Arrays:
    tokens = layout.prefix + PATCHES + layout.suffix
    assert layout.tokens == tokens
    return {
        layout.attention(block): random_attention(PICTURES, HEADS, tokens, tokens, seed=block)
        for block in range(BLOCKS)
    }


def given(xp: Any, attention: Arrays) -> dict[str, Any]:
    return {name: xp.asarray(array) for name, array in attention.items()}


def row(map_of_tokens: NDArray[Any], layout: Layout) -> NDArray[np.float64]:
    """Fold a row of tokens, patch by patch."""
    folded = np.zeros(GRID)
    for y in range(GRID[0]):
        for x in range(GRID[1]):
            folded[y, x] = map_of_tokens[layout.prefix + y * GRID[1] + x]
    return folded


def test_heads_of_every_token(xp: Any, layout: Layout, attention: Arrays) -> None:
    names = (*layout.prefix_tokens, *layout.suffix_tokens)
    for name in names:
        behind = layout.suffix_tokens.index(name) if name in layout.suffix_tokens else None
        token = names.index(name) if behind is None else layout.prefix + PATCHES + behind
        probe = Heads(block=1, query=name)
        assert probe.token(layout, (0, 0, 35, 21)) == token
        results = probe.compute(given(xp, attention), layout, [token] * PICTURES)
        for picture, result in enumerate(results):
            assert (result.query, result.patch) == (name, None)
            for head in range(HEADS):
                weights = attention["block_01/attention"][picture, head, token]
                found = np.asarray(result.attention[head, ...])
                np.testing.assert_array_equal(found, row(weights, layout))


def test_the_mean_is_over_patches_alone(xp: Any, layout: Layout, attention: Arrays) -> None:
    results = Heads(query="mean").compute(given(xp, attention), layout, [None] * PICTURES)
    for picture, result in enumerate(results):
        weights = attention["block_01/attention"][picture].astype(np.float64)
        for head in range(HEADS):
            asked = [weights[head, layout.prefix + patch] for patch in range(PATCHES)]
            expected = row(sum(asked) / PATCHES, layout)
            np.testing.assert_allclose(result.attention[head, ...], expected, atol=1e-6)


def test_a_patch_is_asked_where_it_is(layout: Layout) -> None:
    token = Heads(query=(15, 33)).token(layout, (0, 0, 35, 21))  # the last row and column
    assert token == layout.prefix + PATCHES - 1
    assert layout.patch(token) == (2, 4)
    assert layout.patch(layout.prefix + PATCHES) is None
    assert layout.patch(layout.prefix - 1) is None


def test_rollout_goes_through_all_tokens(xp: Any, layout: Layout, attention: Arrays) -> None:
    results = Rollout().compute(given(xp, attention), layout, [0] * PICTURES)
    asked = [0] if layout.prefix else list(range(layout.prefix, layout.prefix + PATCHES))
    for picture, result in enumerate(results):
        flow = np.eye(layout.tokens)
        for block in range(BLOCKS):
            fused = attention[layout.attention(block)][picture].astype(np.float64).mean(axis=0)
            flow = (fused + np.eye(layout.tokens)) / 2 @ flow
        expected = row(sum(flow[token] for token in asked) / len(asked), layout)
        np.testing.assert_allclose(np.asarray(result.rollout), expected, atol=1e-6)


@pytest.mark.parametrize("renormalize", [False, True])
def test_distances_are_between_patches(
    xp: Any, layout: Layout, attention: Arrays, renormalize: bool
) -> None:
    probe = Distance(renormalize=renormalize)
    results = probe.compute(given(xp, attention), layout, [None] * PICTURES)
    for picture, result in enumerate(results):
        for block, head in np.ndindex(BLOCKS, HEADS):
            weights = attention[layout.attention(block)][picture, head]
            expected = slow_distance(weights, layout, renormalize=renormalize)
            assert float(result.distance[block, head]) == pytest.approx(expected, abs=SINGLE)


def slow_distance(weights: NDArray[Any], layout: Layout, *, renormalize: bool) -> float:
    total = 0.0
    for query in range(PATCHES):
        paid = [float(weights[layout.prefix + query, layout.prefix + n]) for n in range(PATCHES)]
        reach = sum(
            share * PATCH * math.dist(divmod(query, GRID[1]), divmod(key, GRID[1]))
            for key, share in enumerate(paid)
        )
        total += reach / sum(paid) if renormalize else reach
    return total / PATCHES


def test_another_number_of_tokens_is_refused() -> None:
    with pytest.raises(UsageError, match="1 prefix and 2 suffix tokens has 9"):
        fold_patches(np.ones((1, 8)), grid=(2, 3), prefix=1, suffix=2)
