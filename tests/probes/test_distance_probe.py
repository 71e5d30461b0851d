from typing import Any

import numpy as np
import pytest

from probes.random_attention import random_attention
from vitonnx.probes import Distance, DistanceResult, Layout, Probe, mean_attention_distance

PREFIXES: list[tuple[str, ...]] = [
    (),
    ("cls",),
    ("cls", "dist"),
    ("cls", "reg0", "reg1", "reg2", "reg3"),
]


def layout(*prefix_tokens: str) -> Layout:
    return Layout(grid=(3, 5), patch_size=7, prefix_tokens=prefix_tokens, blocks=3, heads=2)


def attentions(model: Layout, xp: Any = np) -> dict[str, Any]:
    """Of two pictures, every block another."""
    return {
        model.attention(block): xp.asarray(
            random_attention(2, model.heads, model.tokens, model.tokens, seed=block)
        )
        for block in range(model.blocks)
    }


@pytest.mark.parametrize("renormalize", [False, True])
@pytest.mark.parametrize("prefix_tokens", PREFIXES, ids=len)
def test_one_result_a_picture(xp: Any, prefix_tokens: tuple[str, ...], renormalize: bool) -> None:
    model, probe = layout(*prefix_tokens), Distance(renormalize=renormalize)
    results = probe.compute(attentions(model, xp), model, [None, None])
    assert len(results) == 2
    for picture, result in enumerate(results):
        assert (result.distance.shape, result.distance.dtype) == ((3, 2), xp.float64)
        for block in range(3):
            expected = mean_attention_distance(
                attentions(model)[model.attention(block)],
                grid=(3, 5),
                patch_size=7,
                prefix=len(prefix_tokens),
                renormalize=renormalize,
            )
            # NumPy's and the strict library's sums go in other orders.
            np.testing.assert_allclose(
                np.asarray(result.distance)[block], expected[picture], rtol=1e-6
            )


def test_all_blocks_are_read_and_no_token_is_asked() -> None:
    probe: Probe[DistanceResult] = Distance()
    assert probe.name == "distance"
    names = ("block_00/attention", "block_01/attention", "block_02/attention")
    assert probe.reads(layout("cls")) == names
    assert probe.token(layout("cls"), (0, 0, 35, 21)) is None


def test_results_add_up_over_pictures() -> None:
    model = layout("cls")
    results = Distance().compute(attentions(model), model, [None, None])
    total = Distance().summary(results)
    both = np.stack([result.distance for result in results])
    assert total.count == 2
    np.testing.assert_allclose(total.mean, both.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(total.std, both.std(axis=0), rtol=1e-12)
    assert Distance().summary().count == 0
