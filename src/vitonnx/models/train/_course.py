"""Schedules over the training: warm-up and cosine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf

__all__ = ["cosine", "make_optimizer"]


def cosine(start: float, end: float, step: tf.Tensor, steps: int) -> tf.Tensor:
    """Go from start to end along half a cosine.

    Parameters
    ----------
    start, end : float
        At step 0, and from `steps` on.
    step : int scalar
        Steps done.
    steps : int
        Number of steps of the whole schedule.

    Returns
    -------
    float32 scalar

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
    """Make AdamW with linear warm-up, cosine decay and clipped gradients.

    Parameters
    ----------
    weights : sequence of keras.Variable
        Weights to train. Only kernels decay: not biases, norms, tokens and position embeddings.
    peak : float
        The learning rate after the warm-up; it ends at a thousandth of it.
    warmup, steps : int
        Number of steps of the warm-up, and of the whole training.
    weight_decay : float or variable
        Decoupled, times the learning rate.
    clip : float
        Largest norm of all gradients together.

    References
    ----------
    Loshchilov & Hutter 2019 (arXiv:1711.05101).
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
