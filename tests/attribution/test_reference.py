"""The reference against loops in NumPy that know finite differences alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from attribution.autograd import METHODS, attribution, mixings
from attribution.opened import Opened, Score
from attribution.slow_attribution import attention_slopes, slow_attribution
from attribution.torch_models import CLASSES, PEERS

pytestmark = pytest.mark.peers

SIZE, PATCH = (6, 9), 3
# Central differences with a step of 1e-5 in double precision: 1e-10 of the score, a few times.
TOLERANCE = 1e-7


@pytest.fixture(scope="module", params=PEERS)
def opened(request: pytest.FixtureRequest) -> Opened:
    """A model of two blocks on two by three patches."""
    peer = PEERS[request.param]
    return peer.open(peer.model(SIZE, PATCH, blocks=2))


@pytest.fixture(scope="module")
def picture() -> Any:
    import torch

    return torch.randn(3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def of_class(number: int) -> Score:
    return lambda embedding, logits: logits[:, number]


def signed(score: Score, sign: int) -> Score:
    return lambda embedding, logits: sign * score(embedding, logits)


def cosine(opened: Opened) -> Score:
    """Ask how like a picture's embedding is to that of another, drawn picture."""
    import torch

    drawn = torch.randn(
        1, 3, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(9)
    )
    other = opened.run(drawn).embedding.detach()
    return lambda embedding, logits: torch.cosine_similarity(embedding, other)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("asked", ["class", "embedding"])
def test_methods_equal_loops(opened: Opened, picture: Any, method: str, asked: str) -> None:
    import torch

    asked_for = of_class(4) if asked == "class" else cosine(opened)
    # Among other pictures, which must not matter.
    batch = torch.stack([picture.flip(-1), picture])
    expected, found = [], []
    # What speaks for a class, and what speaks against: a Grad-CAM can be zero of one of them.
    for sign in (1, -1):
        score = signed(asked_for, sign)
        expected.append(slow_attribution(method, opened, picture, score))
        found.append(attribution(method, opened, batch, score))
    slow, maps = np.stack(expected), np.stack(found)
    assert maps.shape == (2, 2, 2, 3)
    largest = slow.max()
    assert largest > 0
    np.testing.assert_allclose(maps[:, 1], slow, rtol=0, atol=TOLERANCE * largest)
    assert np.abs(maps[:, 0] - slow).max() > 1e-2 * largest


def test_attention_is_what_values_are_weighed_by(opened: Opened, picture: Any) -> None:
    """Slopes at single entries, against autograd's; and a softmax's rows sum to one."""
    import torch

    seen = opened.run(picture[None])
    slopes = torch.autograd.grad(seen.logits[0, 4], seen.attention)
    for found, expected in zip(slopes, attention_slopes(opened, picture, of_class(4)), strict=True):
        largest = np.abs(expected).max()
        np.testing.assert_allclose(found[0].numpy(), expected, atol=TOLERANCE * largest, rtol=0)
    for attention in seen.attention:
        assert attention.dtype == torch.float64
        np.testing.assert_allclose(attention.detach().sum(-1), 1, atol=1e-12)
        # Sharp enough for queries and keys to count.
        assert float(attention.detach().std()) > 0.1 / attention.shape[-1]


def test_opened_models_are_the_models() -> None:
    """Opening changes nothing but the precision."""
    import torch

    pixels = torch.randn(2, 3, 6, 9, generator=torch.Generator().manual_seed(5))
    for name, peer in PEERS.items():
        model = peer.model(SIZE, PATCH, blocks=2)
        with torch.no_grad():
            said = model(pixels)
            said = getattr(said, "logits", said)
            seen = peer.open(model).run(pixels.double())
        assert said.shape == (2, CLASSES)
        np.testing.assert_allclose(seen.logits, said, atol=2e-5, rtol=0, err_msg=name)
        assert seen.tokens[0].shape[1] == peer.prefix + 6, name


def test_the_head_on_a_mean_is_the_head_on_equal_tokens(opened: Opened) -> None:
    """Where every token is the same vector, the head can read nothing else."""
    import torch

    dim = opened.run(torch.zeros(1, 3, *SIZE, dtype=torch.float64)).tokens[-1].shape[-1]
    vector = torch.randn(1, dim, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    tokens = opened.prefix + 6
    hook = opened.blocks[-1].register_forward_hook(
        lambda module, inputs, result: vector[:, None].expand(1, tokens, dim)
    )
    embedding, logits = opened.readout(torch.zeros(1, 3, *SIZE, dtype=torch.float64))
    hook.remove()
    for found, expected in zip(opened.readout_of_mean(vector), (embedding, logits), strict=True):
        np.testing.assert_allclose(found.detach(), expected.detach(), atol=1e-10, rtol=0)


def test_rows_of_a_gradient_rollout_sum_to_one(opened: Opened, picture: Any) -> None:
    seen = opened.run(picture[None])
    for mixing in mixings(seen, of_class(4)):
        rows = mixing.detach().numpy()
        np.testing.assert_allclose(rows.sum(-1), 1, atol=1e-12)
        # Half identity: no fused entry is below nothing.
        assert (rows >= 0).all()
        assert (rows[0].diagonal() > 0).all()
