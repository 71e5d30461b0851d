"""A network to train: begun, in a precision, and fed with pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from vitonnx.models._config import ViTConfig
from vitonnx.models._random import initial_parameters
from vitonnx.models._vit import VisionTransformer, ViTOutputs
from vitonnx.models.train._settings import MEAN, STD, Precision

__all__ = ["as_pictures", "begin_network", "computing_in", "look"]


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
