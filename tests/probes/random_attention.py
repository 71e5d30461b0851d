"""Softmax weights out of a seed."""

import numpy as np
from numpy.typing import NDArray


def random_attention(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """Make weights that sum to 1 along the last axis, peaked as those of real heads are."""
    weights = np.exp(np.random.default_rng(seed).normal(0, 2, shape))
    normalised: NDArray[np.float32] = (weights / weights.sum(-1, keepdims=True)).astype(np.float32)
    return normalised
