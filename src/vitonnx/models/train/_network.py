"""A network to train: begun, in a precision, fed with pictures, and its optimiser's schedules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from vitonnx.models._config import ViTConfig
from vitonnx.models._random import initial_parameters
from vitonnx.models._vit import VisionTransformer, ViTOutputs
from vitonnx.models.train._training_settings import MEAN, STD, Precision

__all__ = ["as_pictures", "begin_network", "computing_in", "cosine", "look", "make_optimizer"]


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Make layers compute in a precision; their weights stay float32.

    References
    ----------
    Micikevicius et al. 2018 (arXiv:1710.03740); bfloat16 has float32's range, so that the loss
    needs no scaling.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def begin_network(config: ViTConfig, seed: int) -> VisionTransformer:
    """Make a network with the weights that training begins with."""
    network = VisionTransformer(config)
    network.assign(initial_parameters(config, seed))
    return network


def look(network: VisionTransformer, pictures: tf.Tensor) -> ViTOutputs:
    """Run the network on float32 pictures (batch, height, width, 3), 0 to 1, of any size.

    Logits and embedding are float32, whatever the network computes in.
    """
    side = network.config.patch_size
    network.grid = (pictures.shape[1] // side, pictures.shape[2] // side)
    outputs: ViTOutputs = network(
        (pictures - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    )
    logits = None if outputs.logits is None else tf.cast(outputs.logits, tf.float32)
    return outputs._replace(logits=logits, embedding=tf.cast(outputs.embedding, tf.float32))


def as_pictures(pixels: tf.Tensor, side: int) -> tf.Tensor:
    """Convert uint8 to float32 (batch, side, side, 3) in the range 0 to 1."""
    return tf.ensure_shape(tf.cast(pixels, tf.float32) * (1 / 255), (None, side, side, 3))


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
