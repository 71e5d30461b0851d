"""Schedules over the training: warm-up and cosine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

__all__ = ["cosine", "make_optimizer"]


def cosine(start: float, end: float, step: tf.Tensor, steps: int) -> tf.Tensor:
    """Go from start to end along half a cosine of so many steps (float32 scalar), and stay there.

    References
    ----------
    Loshchilov & Hutter 2017 (arXiv:1608.03983), equation 5.

    Examples
    --------
    >>> [round(float(cosine(1, 0, step, 4)), 3) for step in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """
    share = tf.minimum(tf.cast(step, tf.float32) / steps, 1.0)
    return end + (start - end) * 0.5 * (1 + tf.cos(math.pi * share))


def make_optimizer(
    weights: Sequence[keras.Variable],
    *,
    peak: float,
    warmup: int,
    steps: int,
    weight_decay: float | tf.Variable,
    clip: float,
) -> keras.optimizers.Optimizer:
    """Make AdamW with linear warm-up to the peak, cosine decay to a thousandth, clipped gradients.

    Only kernels decay: not biases, norms, tokens and position embeddings. The weight decay is
    decoupled, times the learning rate (Loshchilov & Hutter 2019, arXiv:1711.05101); the clip is of
    the norm of all gradients together.
    """
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), alpha=1e-3, warmup_target=peak, warmup_steps=warmup
    )
    optimizer = keras.optimizers.AdamW(schedule, global_clipnorm=clip)
    # A variable may change in the course of the training, which the constructor doesn't foresee.
    optimizer.weight_decay = weight_decay
    optimizer.exclude_from_weight_decay(
        var_list=[weight for weight in weights if not weight.path.endswith("/kernel")]
    )
    optimizer.build(weights)
    return optimizer
