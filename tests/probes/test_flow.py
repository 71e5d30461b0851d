import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from probes.random_attention import random_attention
from probes.slow_flow import slow_flow
from vitonnx.errors import MissingExtraError, UsageError
from vitonnx.probes import Fusion, _flow_graph, attention_flow, rollout
from vitonnx.probes._flow_graph import UNITS, FlowGraph

# Double precision on the way to capacities, of which the slow way has none: a few units in the last
# place of 1.
ROUNDING = 2e-15


def blocks_of(tokens: int, heads: tuple[int, ...], seed: int = 0) -> list[NDArray[np.float32]]:
    return [
        random_attention(1, count, tokens, tokens, seed=seed + block)
        for block, count in enumerate(heads)
    ]


def peaked(tokens: int, heads: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Attention that is 0 in most places, as if after a hard maximum."""
    found = []
    for attention in blocks_of(tokens, heads):
        largest = np.where(attention >= np.sort(attention)[..., [-2]], attention, 0)
        found.append(largest / largest.sum(-1, keepdims=True))
    return found


def check(
    attentions: list[NDArray[np.float32]], fusion: Fusion, query: int | slice, asked: list[int]
) -> NDArray[np.float64]:
    """See that the exact flow is what is found, or more by no more than the bound."""
    (found,), (bound,) = attention_flow(attentions, fusion=fusion, query=query)
    tokens = range(attentions[0].shape[-1])
    top = list(tokens[query]) if isinstance(query, slice) else [query]
    assert found.shape == bound.shape == (len(tokens),)
    for target in asked:
        exact = slow_flow([block[0] for block in attentions], fusion, top, target)
        assert -ROUNDING <= exact - found[target] <= bound[target]
    # A unit for each edge of a cut, of which there are fewer than this.
    assert bound.max() < len(attentions) * len(tokens) ** 2 / UNITS
    return np.asarray(found)


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize(
    ("tokens", "query"),
    [
        (2 * 3, slice(0, 6)),  # no prefix tokens: out of all patches
        (1 + 2 * 3, 0),
        (2 + 2 * 3, 0),
        (5 + 2 * 3, 0),
        (1 + 2 * 3 + 2, 0),  # two suffix tokens
        (1 + 2 * 3 + 2, slice(1, 7)),
    ],
)
def test_flow_equals_a_slow_and_exact_one(fusion: Fusion, tokens: int, query: int | slice) -> None:
    check(blocks_of(tokens, (3, 1, 2)), fusion, query, list(range(tokens)))


@pytest.mark.parametrize("few", [1, 2, 16])
@pytest.mark.parametrize("fusion", ["mean", "min"])
def test_what_is_found_in_a_few_edges_is_what_all_give(
    few: int, fusion: Fusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_flow_graph, "FEW", few)
    check(blocks_of(1 + 3 * 7, (2, 3, 1)), fusion, 0, [0, 1, 11, 21])


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("query", [0, slice(1, 12)])
def test_zeros_and_narrow_parts(fusion: Fusion, query: int | slice) -> None:
    found = check(peaked(1 + 11, (2, 1, 3, 2)), fusion, query, list(range(12)))
    assert found.min() < 0.9  # not all of them are what the source gives


@pytest.mark.parametrize("query", [0, 2, slice(1, 4), slice(2, 3)])
def test_one_block_gives_its_entries(query: int | slice) -> None:
    check(blocks_of(4, (3,)), "mean", query, [0, 1, 2, 3])


def test_flow_and_rollout_rank_two_patches_in_opposite_order() -> None:
    """As the paper says: rollout multiplies shares, while flow asks what edges can take.

    From the class token c, the last block's edges take 1/2 to c, and 1/4 each to patches a and b.
    In the first block, a's edges take 7/8 to a and 1/8 to b; b's take 1/16 to a and 1/2 to b; and
    those of c end in c. So

        rollout(a) = 1/4 * 7/8 + 1/4 * 1/16 = 15/64     flow(a) = min(1/4, 7/8) + min(1/4, 1/16)
        rollout(b) = 1/4 * 1/8 + 1/4 * 1/2  = 10/64             = 5/16
                                                        flow(b) = min(1/4, 1/8) + min(1/4, 1/2)
                                                                = 6/16

    A token that keeps nearly all for itself has more of a product, but no more can flow to it than
    comes in.
    """
    first = np.asarray([[[[1, 0, 0], [0, 3 / 4, 1 / 4], [7 / 8, 1 / 8, 0]]]])
    last = np.asarray([[[[0, 1 / 2, 1 / 2], [0, 1, 0], [0, 0, 1]]]])
    assert rollout([first, last], query=0)[0, 1:].tolist() == [15 / 64, 10 / 64]
    flow, bound = attention_flow([first, last], targets=slice(1, None))
    assert flow.tolist() == [[5 / 16, 6 / 16]]
    assert bound.max() < ROUNDING  # no capacity had to be rounded


def test_flow_is_at_least_rollout() -> None:
    """Rollout is a flow as well, and shares it among all targets."""
    attentions = blocks_of(1 + 3 * 5, (2, 2, 2, 2))
    flow, bound = attention_flow(attentions)
    shares = np.asarray(rollout(attentions, query=0), np.float64)
    assert (flow + bound >= shares - 1e-6).all()  # rollout is in single precision
    assert (flow <= 1).all()


def test_a_narrow_part_in_the_middle_bounds_the_flow() -> None:
    third = 1 / 3
    middle = np.asarray([[third / 4, third / 2], [0.0, third / 8]])
    found, cut = FlowGraph([np.asarray([[0.5, 0.5]]), middle, np.ones((2, 1))]).flow_to(0)
    assert cut == middle.sum()
    assert 0 < cut - found < 3 / UNITS


def test_edges_that_take_less_than_a_unit_count_in_the_bound() -> None:
    tiny = np.full((7, 5), 0.4 / UNITS)
    found, cut = FlowGraph([np.full((1, 7), 1 / 7), tiny, np.ones((5, 1))]).flow_to(0)
    assert found == 0
    np.testing.assert_allclose(cut, 35 * 0.4 / UNITS)


@pytest.mark.parametrize("tokens", [2, 7, 211])
def test_no_capacity_overflows(tokens: int) -> None:
    """The largest that there can be: 1 through every edge, and out of the source at once."""
    identity = np.eye(tokens)[None, None]
    (flow,), _ = attention_flow([identity] * 3, query=1)
    np.testing.assert_array_equal(flow, np.arange(tokens) == 1)
    even = np.full((1, 1, tokens, tokens), 1 / tokens)
    (flow,), (bound,) = attention_flow([even] * 3, query=slice(None), targets=slice(0, 2))
    assert ((flow <= 1) & (flow + bound >= 1)).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pictures_do_not_touch_each_other(dtype: Any) -> None:
    attentions = list(random_attention(3, 3, 2, 7, 7).astype(dtype))  # 3 blocks of 3 pictures
    before = [block.copy() for block in attentions]
    together = attention_flow(attentions, fusion="max", targets=slice(1, 6))
    assert together.flow.shape == together.error_bound.shape == (3, 5)
    assert together.flow.dtype == together.error_bound.dtype == np.float64
    for picture in range(3):
        alone = attention_flow(
            [block[picture : picture + 1] for block in attentions],
            fusion="max",
            targets=slice(1, 6),
        )
        np.testing.assert_array_equal(alone.flow[0], together.flow[picture])
        np.testing.assert_array_equal(alone.error_bound[0], together.error_bound[picture])
    np.testing.assert_array_equal(attentions, before)


def test_other_libraries_are_read(xp: Any) -> None:
    attentions = blocks_of(7, (2, 3))
    given = attention_flow([xp.asarray(block) for block in attentions])
    np.testing.assert_array_equal(given.flow, attention_flow(attentions).flow)


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        ([], {}, "attention_flow: there are no attentions"),
        ([(3, 7, 7)], {}, r"attention_flow: attentions\[0\] has shape \(3, 7, 7\)"),
        ([(1, 3, 7, 7), (1, 3, 5, 5)], {}, r"attentions\[1\] has shape \(1, 3, 5, 5\)"),
        ([(1, 3, 7, 7)], {"query": 7}, "no query token 7; there are 0 to 6"),
        ([(1, 3, 7, 7)], {"query": slice(7, None)}, "holds none of the 7 tokens"),
        ([(1, 3, 7, 7)], {"fusion": "median"}, "there are mean, max, min"),
    ],
)
def test_misfits_are_named(shapes: list[tuple[int, ...]], options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        attention_flow([np.ones(shape) for shape in shapes], **options)


@pytest.mark.parametrize("value", [-0.1, np.nan, np.inf])
def test_what_is_no_weight_is_named(value: float) -> None:
    attentions = blocks_of(5, (2, 2))
    attentions[1][0, 1, 2, 3] = value
    with pytest.raises(UsageError, match=r"attentions\[1\] holds what is no attention weight"):
        attention_flow(attentions)


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(MissingExtraError, match=r"needs scipy.*pip install 'vitonnx\[flow\]'"):
        attention_flow(blocks_of(5, (2, 2)))
