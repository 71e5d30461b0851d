"""Attribution in loops over NumPy's arrays, with slopes by finite differences: no autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.opened import Opened, Score, Seen, Tensor

Floats = NDArray[np.float64]
# Of double precision's 16 digits, a third is lost to the step and a third to cancellation.
STEP = 1e-5


def slow_attribution(method: str, opened: Opened, picture: Tensor, score: Score) -> Floats:
    """Explain the score of one normalised picture (3, height, width); give (rows, columns)."""
    seen = opened.run(picture[None])
    patches = seen.tokens[0].shape[1] - opened.prefix
    if method == "legrad":
        found = _legrad(opened, picture, score, seen)
    elif method == "grad-cam":
        found = _grad_cam(opened, picture, score, seen)
    elif method == "gradient":
        found = _gradient(opened, picture, score)
    else:
        slopes = attention_slopes(opened, picture, score)
        attention = [_array(each)[0] for each in seen.attention]
        follow = {"generic": _generic, "gradient-rollout": _rollout}[method]
        matrix = follow(attention, slopes)
        found = np.array(
            [
                sum(matrix[token, opened.prefix + patch] for token in opened.read)
                / len(opened.read)
                for patch in range(patches)
            ]
        )
    rows, columns = (side // opened.patch for side in picture.shape[1:])
    return found.reshape(rows, columns)


def attention_slopes(opened: Opened, picture: Tensor, score: Score) -> list[Floats]:
    """Nudge every entry of every block's attention: slopes, (heads, tokens, tokens) a block."""
    return [
        _slope(opened, picture, module, lambda seen: score(seen.embedding, seen.logits))
        for module in opened.weights
    ]


def _generic(attention: list[Floats], slopes: list[Floats]) -> Floats:
    heads, tokens, _ = attention[0].shape
    relevance = np.eye(tokens)
    for weights, slope in zip(attention, slopes, strict=True):
        before = relevance.copy()
        for query in range(tokens):
            for key in range(tokens):
                each = [
                    max(0.0, slope[head, query, key] * weights[head, query, key])
                    for head in range(heads)
                ]
                relevance[query] += sum(each) / heads * before[key]
    return relevance


def _rollout(attention: list[Floats], slopes: list[Floats]) -> Floats:
    heads, tokens, _ = attention[0].shape
    rollout = np.eye(tokens)
    for weights, slope in zip(attention, slopes, strict=True):
        above = np.zeros_like(rollout)
        for query in range(tokens):
            row = [
                0.5
                * max(0.0, sum(slope[h, query, key] * weights[h, query, key] for h in range(heads)))
                / heads
                + 0.5 * (query == key)
                for key in range(tokens)
            ]
            for key in range(tokens):
                above[query] += row[key] / sum(row) * rollout[key]
        rollout = above
    return rollout


def _legrad(opened: Opened, picture: Tensor, score: Score, seen: Seen) -> Floats:
    total = np.zeros(seen.tokens[0].shape[1])
    for block, module in enumerate(opened.weights):

        def of_block(nudged: Seen, block: int = block) -> Tensor:
            return score(*opened.readout_of_mean(nudged.tokens[block].mean(1)))

        slope = _slope(opened, picture, module, of_block)
        heads, tokens, _ = slope.shape
        for key in range(tokens):
            rising = [
                max(0.0, slope[h, query, key]) for h in range(heads) for query in range(tokens)
            ]
            total[key] += sum(rising) / len(rising) / len(opened.weights)
    return total[opened.prefix :]


def _grad_cam(opened: Opened, picture: Tensor, score: Score, seen: Seen) -> Floats:
    slope = _slope(
        opened, picture, opened.first_norm, lambda seen: score(seen.embedding, seen.logits)
    )
    tokens, dim = slope.shape
    patches = range(opened.prefix, tokens)
    weights = [sum(slope[patch, channel] for patch in patches) for channel in range(dim)]
    values = _array(seen.normed)[0]
    return np.array(
        [
            max(0.0, sum(w / len(patches) * v for w, v in zip(weights, values[patch], strict=True)))
            for patch in patches
        ]
    )


def _gradient(opened: Opened, picture: Tensor, score: Score) -> Floats:
    def of_pixels(pixels: Tensor) -> Floats:
        seen = opened.run(pixels)
        return _array(score(seen.embedding, seen.logits))

    nudges = _nudges(picture)
    slope = (of_pixels(picture + nudges) - of_pixels(picture - nudges)) / (2 * STEP)
    slope = slope.reshape(picture.shape)
    side = opened.patch
    return np.array(
        [
            np.linalg.norm(slope[:, top : top + side, left : left + side])
            for top in range(0, slope.shape[1], side)
            for left in range(0, slope.shape[2], side)
        ]
    )


def _slope(opened: Opened, picture: Tensor, module: Any, scalar: Any) -> Floats:
    """Nudge what a module gives, entry after entry, each in a picture of its own."""
    given: list[Tensor] = []
    hook = module.register_forward_hook(lambda module, inputs, result: given.append(result))
    opened.run(picture[None])
    hook.remove()
    nudges = _nudges(given[0][0])
    pictures = picture.expand(len(nudges), *picture.shape)
    above, below = (
        _array(scalar(opened.run(pictures, {module: sign * nudges}))) for sign in (1, -1)
    )
    return np.asarray((above - below) / (2 * STEP)).reshape(given[0][0].shape)


def _nudges(value: Tensor) -> Tensor:
    """Give (entries, ...): one step in each entry of a value alone."""
    import torch

    return torch.eye(value.numel(), dtype=torch.float64).reshape(-1, *value.shape) * STEP


def _array(value: Tensor) -> Floats:
    return np.asarray(value.detach().numpy())
