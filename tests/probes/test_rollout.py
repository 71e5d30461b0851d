from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from probes.random_attention import random_attention
from vitonnx.errors import UsageError
from vitonnx.probes import Fusion, rollout

# Four products of rows that sum to 1, in single precision: a few units in the last place of 1.
TOLERANCE = 1e-6


def slow_rollout(
    attentions: list[NDArray[np.float32]], fusion: str, discard: float, class_token: int | None
) -> NDArray[np.float64]:
    """Rollout of one picture from (heads, tokens, tokens), entry by entry, in double precision."""
    tokens = attentions[0].shape[-1]
    flow = np.eye(tokens)
    for attention in attentions:
        fused = np.zeros((tokens, tokens))
        for query, key in np.ndindex(tokens, tokens):
            of_heads = [float(head[query, key]) for head in attention]
            mean = sum(of_heads) / len(of_heads)
            fused[query, key] = {"mean": mean, "max": max(of_heads), "min": min(of_heads)}[fusion]
        for place in sorted(np.ndindex(tokens, tokens), key=lambda place: fused[place])[
            : int(discard * tokens * tokens)
        ]:
            if class_token not in place and place[0] != place[1]:
                fused[place] = 0
        mixing = (fused + np.eye(tokens)) / 2
        for row in mixing:
            row /= sum(row)
        flow = mixing @ flow
    return flow


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize(("discard", "class_token"), [(0.0, 0), (0.5, 0), (0.9, 0), (0.9, None)])
def test_rollout_equals_a_slow_loop(
    xp: Any,
    fusion: Fusion,
    discard: float,
    class_token: int | None,
) -> None:
    attentions = random_attention(4, 2, 3, 11, 11)  # 4 blocks of 2 pictures
    before = attentions.copy()
    options: Any = {"fusion": fusion, "discard": discard, "class_token": class_token}
    flow = rollout([xp.asarray(block) for block in attentions], **options)
    assert np.asarray(flow).dtype == np.float32
    for picture in range(2):
        expected = slow_rollout(list(attentions[:, picture]), fusion, discard, class_token)
        np.testing.assert_allclose(np.asarray(flow)[picture], expected, atol=TOLERANCE)
    np.testing.assert_array_equal(attentions, before)


def test_two_tokens_by_hand(xp: Any) -> None:
    first = xp.asarray([[[[0.0, 1.0], [0.0, 1.0]]]])  # mixes as [[1/2, 1/2], [0, 1]]
    last = xp.asarray([[[[1.0, 0.0], [1.0, 0.0]]]])  # mixes as [[1, 0], [1/2, 1/2]]
    assert np.asarray(rollout([first, last])).tolist() == [[[0.5, 0.5], [0.25, 0.75]]]
    assert np.asarray(rollout([last, first])).tolist() == [[[0.75, 0.25], [0.5, 0.5]]]


def test_fusion_by_hand(xp: Any) -> None:
    heads = xp.asarray([[[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]]])
    # The first row is (1, 0) and (0.5, 0.5): fused (0.75, 0.25), (1, 0.5) or (0.5, 0).
    first_rows: dict[Fusion, list[float]] = {
        "mean": [0.875, 0.125],
        "max": [0.8, 0.2],
        "min": [1.0, 0.0],
    }
    for fusion, expected in first_rows.items():
        row = np.asarray(rollout([heads], fusion=fusion, query=0))
        np.testing.assert_allclose(row, [expected], atol=TOLERANCE)


def test_discard_keeps_the_class_row_and_column_and_the_diagonal(xp: Any) -> None:
    fused = np.asarray([[0.90, 0.06, 0.04], [0.01, 0.02, 0.97], [0.03, 0.92, 0.05]])
    flow = np.asarray(rollout([xp.asarray(fused[None, None])], discard=0.99))
    # Of the nine entries eight are among the smallest; (1, 2) is the largest and stays, so that
    # (2, 1) alone is dropped.
    expected = fused.copy()
    expected[2, 1] = 0
    expected = expected + np.eye(3)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(flow[0], expected, atol=TOLERANCE)
    without = np.asarray(rollout([xp.asarray(fused[None, None])], discard=0.99, class_token=None))
    # Nothing but the diagonal and the largest entry is left.
    np.testing.assert_array_equal(without[0] > 0, np.eye(3, dtype=bool) | (fused == 0.97))


def test_discard_counts_in_each_picture() -> None:
    attentions = [random_attention(2, 3, 7, 7, seed=seed) for seed in range(3)]
    attentions[0][1] /= 8  # the second picture's are all smaller than most of the first's
    together = rollout(attentions, discard=0.7)
    alone = [rollout([block[i : i + 1] for block in attentions], discard=0.7) for i in range(2)]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=TOLERANCE)


def test_equal_entries_are_not_discarded(xp: Any) -> None:
    uniform = xp.ones((1, 2, 5, 5)) / 5
    np.testing.assert_array_equal(
        np.asarray(rollout([uniform], discard=0.9)), np.asarray(rollout([uniform]))
    )


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("discard", [0.0, 0.8])
def test_rows_sum_to_one(xp: Any, fusion: Fusion, discard: float) -> None:
    attentions = [xp.asarray(random_attention(2, 3, 11, 11, seed=seed)) for seed in range(5)]
    flow = np.asarray(rollout(attentions, fusion=fusion, discard=discard))
    np.testing.assert_allclose(flow.sum(axis=-1), 1, atol=TOLERANCE)


def test_order_of_heads_does_not_matter() -> None:
    attentions = [random_attention(2, 5, 7, 7, seed=seed) for seed in range(3)]
    permuted = [attention[:, [3, 0, 4, 1, 2]] for attention in attentions]
    np.testing.assert_allclose(rollout(attentions), rollout(permuted), atol=TOLERANCE)


def test_permuted_tokens_permute_the_map() -> None:
    attentions, order = [random_attention(1, 3, 7, 7, seed=seed) for seed in range(3)], np.arange(7)
    order[1:] = [5, 3, 1, 6, 2, 4]  # the class token stays in front
    permuted = [attention[:, :, order][:, :, :, order] for attention in attentions]
    np.testing.assert_allclose(
        rollout(permuted, discard=0.5),
        rollout(attentions, discard=0.5)[:, order][:, :, order],
        atol=TOLERANCE,
    )


@pytest.mark.parametrize("query", [0, 3, 6])
def test_one_row_is_that_of_the_full_matrix(xp: Any, query: int) -> None:
    attentions = [xp.asarray(random_attention(2, 3, 7, 7, seed=seed)) for seed in range(4)]
    full = np.asarray(rollout(attentions, fusion="max", discard=0.4))
    row = np.asarray(rollout(attentions, fusion="max", discard=0.4, query=query))
    assert row.shape == (2, 7)
    np.testing.assert_allclose(row, full[:, query], atol=TOLERANCE)


def test_a_slice_is_the_mean_of_its_rows(xp: Any) -> None:
    attentions = [xp.asarray(random_attention(2, 3, 7, 7, seed=seed)) for seed in range(4)]
    row = np.asarray(rollout(attentions, query=slice(2, None)))
    full = np.asarray(rollout(attentions))
    np.testing.assert_allclose(row, full[:, 2:].mean(axis=1), atol=TOLERANCE)


def test_numpy_integers_are_queries_too() -> None:
    attentions = [random_attention(2, 3, 7, 7)]
    np.testing.assert_array_equal(
        rollout(attentions, query=cast("int", np.int64(3))),
        rollout(attentions, query=3),
    )


@pytest.mark.parametrize(
    ("shapes", "options", "message"),
    [
        ([], {}, "there are no attentions"),
        ([(3, 7, 7)], {}, r"attentions\[0\] has shape \(3, 7, 7\).*attentions\[0\]\[None\]"),
        ([(1, 3, 7, 7), (1, 3, 5, 5)], {}, r"attentions\[1\] has shape \(1, 3, 5, 5\)"),
        ([(1, 3, 7, 7), (2, 3, 7, 7)], {}, "batch and tokens must be the same"),
        ([(1, 3, 7, 7)], {"query": 7}, "no query token 7; there are 0 to 6"),
        ([(1, 3, 7, 7)], {"query": slice(7, None)}, "holds none of the 7 tokens"),
        ([(1, 3, 7, 7)], {"fusion": "median"}, "there are mean, max, min"),
        ([(1, 3, 7, 7)], {"discard": 1.0}, "at least 0 and less than 1"),
        ([(1, 3, 7, 7)], {"discard": -0.1}, "at least 0 and less than 1"),
    ],
)
def test_misfits_are_named(shapes: list[tuple[int, ...]], options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rollout([np.ones(shape) for shape in shapes], **options)
