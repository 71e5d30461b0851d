"""Every attribution method as its paper has it, by torch's autograd in double precision.

A of block l is (heads, tokens, tokens); ∇A is the derivative of the score with respect to it.

References
----------
legrad: Bousselham et al. 2024, arXiv:2404.03214. generic: Chefer, Gur & Wolf 2021,
arXiv:2103.15679, equations 5 and 6. gradient-rollout: Gildenblat 2020, on Abnar & Zuidema 2020.
grad-cam: Selvaraju et al. 2017. gradient: Simonyan et al. 2013.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.opened import Opened, Score, Seen, Tensor

METHODS = ("legrad", "generic", "gradient-rollout", "grad-cam", "gradient")
Map = NDArray[np.float64]


def attribution(method: str, opened: Opened, pixels: Tensor, score: Score) -> Map:
    """Explain a score of each picture.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    opened : Opened
        The model.
    pixels : float64 tensor (batch, 3, height, width)
        Normalised.
    score : callable
        From embedding and logits to the scalars (batch,) to explain.

    Returns
    -------
    map : float64 (batch, rows, columns)
    """
    pixels = pixels.clone().requires_grad_()
    seen = opened.run(pixels)
    if method == "gradient":
        found = gradient(pixels, seen, score, opened.patch)
    else:
        way = {
            "legrad": legrad,
            "generic": generic,
            "gradient-rollout": gradient_rollout,
            "grad-cam": grad_cam,
        }[method]
        found = way(opened, seen, score)
    rows, columns = (side // opened.patch for side in pixels.shape[2:])
    return np.asarray(found.detach().numpy().reshape(len(pixels), rows, columns))


def legrad(opened: Opened, seen: Seen, score: Score) -> Tensor:
    """Average, over the blocks, how attention in each would move the head on that block's mean."""
    import torch

    maps = []
    for attention, tokens in zip(seen.attention, seen.tokens, strict=True):
        of_block = score(*opened.readout_of_mean(tokens.mean(1)))
        (slope,) = torch.autograd.grad(of_block.sum(), attention, retain_graph=True)
        maps.append(slope.relu().mean((1, 2))[:, opened.prefix :])
    return torch.stack(maps).mean(0)


def generic(opened: Opened, seen: Seen, score: Score) -> Tensor:
    """Add up relevance from block to block: R ← R + mean over heads of ReLU(∇A ⊙ A), times R."""
    relevance = _identity(seen)
    for weighted in _weighted(seen, score):
        relevance = relevance + weighted.relu().mean(1) @ relevance
    return _read(opened, relevance)


def gradient_rollout(opened: Opened, seen: Seen, score: Score) -> Tensor:
    """Roll attention out, with ReLU of the heads' mean of ∇A ⊙ A in its place."""
    rollout = _identity(seen)
    for mixing in mixings(seen, score):
        rollout = mixing @ rollout
    return _read(opened, rollout)


def mixings(seen: Seen, score: Score) -> list[Tensor]:
    """Give what `gradient_rollout` multiplies, (batch, tokens, tokens); rows sum to one."""
    found = []
    for weighted in _weighted(seen, score):
        mixed = (_identity(seen) + weighted.mean(1).relu()) / 2
        found.append(mixed / mixed.sum(-1, keepdim=True))
    return found


def grad_cam(opened: Opened, seen: Seen, score: Score) -> Tensor:
    """Weigh the channels of the last block's first norm by their mean slope over the patches."""
    slope = _slopes(seen, score, [seen.normed])[0]
    weights = slope[:, opened.prefix :].mean(1, keepdim=True)
    return (weights * seen.normed[:, opened.prefix :]).sum(-1).relu()


def gradient(pixels: Tensor, seen: Seen, score: Score, patch: int) -> Tensor:
    """Give the length of the slope of each patch, over its pixels and channels."""
    slope = _slopes(seen, score, [pixels])[0]
    batch, channels, height, width = pixels.shape
    squares = slope.reshape(batch, channels, height // patch, patch, width // patch, patch) ** 2
    return squares.sum((1, 3, 5)).sqrt()


def _slopes(seen: Seen, score: Score, values: list[Tensor]) -> Any:
    """Differentiate every picture's score; no picture depends on another."""
    import torch

    total = score(seen.embedding, seen.logits).sum()
    return torch.autograd.grad(total, values, retain_graph=True)


def _weighted(seen: Seen, score: Score) -> list[Tensor]:
    """Give ∇A ⊙ A of every block."""
    slopes = _slopes(seen, score, seen.attention)
    return [slope * each for slope, each in zip(slopes, seen.attention, strict=True)]


def _identity(seen: Seen) -> Tensor:
    import torch

    return torch.eye(seen.attention[0].shape[-1], dtype=torch.float64)


def _read(opened: Opened, matrix: Tensor) -> Tensor:
    """Take what the head's tokens have of each patch; of several tokens, their mean."""
    return matrix[:, opened.read].mean(1)[:, opened.prefix :]
