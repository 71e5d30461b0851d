"""Entropy of attention, against a slow loop, on NumPy and on a strict array library."""

from __future__ import annotations

import math

import array_api_strict
import numpy as np
import pytest

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes import Entropy, attention_entropy


def attention_of(*shape: int) -> np.ndarray:
    logits = np.random.default_rng(11).normal(scale=3, size=shape)
    weights = np.exp(logits)
    weights[..., 1] = 0  # a token that nobody looks at
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), np.float32)


def slowly(attention: np.ndarray) -> np.ndarray:
    """Average the Shannon entropy of the queries, weight by weight."""
    batch, heads, tokens, _ = attention.shape
    found = np.zeros((batch, heads))
    for picture, head, query in np.ndindex(batch, heads, tokens):
        for weight in attention[picture, head, query].astype(float):
            if weight > 0:
                found[picture, head] -= weight * math.log(weight) / tokens
    return found


@pytest.mark.parametrize("shape", [(1, 1, 2, 2), (3, 5, 7, 7), (2, 3, 37, 37)])
def test_as_in_a_slow_loop(shape: tuple[int, ...]) -> None:
    attention = attention_of(*shape)
    np.testing.assert_allclose(attention_entropy(attention), slowly(attention), rtol=1e-5)
    strict = attention_entropy(array_api_strict.asarray(attention))
    np.testing.assert_allclose(np.asarray(strict), slowly(attention), rtol=1e-5)


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_its_bounds(prefix: int) -> None:
    """Nothing looks more evenly than at all tokens alike, or less than at one."""
    names = tuple(f"reg{number}" for number in range(prefix))
    vit = Layout(grid=(3, 5), patch_size=8, prefix_tokens=names, blocks=2, heads=3)
    even = np.full((1, 3, vit.tokens, vit.tokens), 1 / vit.tokens, np.float32)
    sharp = np.broadcast_to(np.eye(vit.tokens, dtype=np.float32), even.shape)
    outputs = {"block_00/attention": even, "block_01/attention": sharp}
    (result,) = Entropy().compute(outputs, vit, [None])
    assert result.entropy.shape == (2, 3)
    np.testing.assert_allclose(result.entropy[0], Entropy().largest(vit), rtol=1e-6)
    assert (result.entropy[1] == 0).all()


def test_what_is_no_attention() -> None:
    with pytest.raises(UsageError, match=r"attention_entropy: attention has shape \(3, 5, 5\)"):
        attention_entropy(np.ones((3, 5, 5)))
