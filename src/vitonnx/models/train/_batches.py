"""Batches of pictures by tf.data, in an order that the seed and the epoch fix."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vitonnx.data import Split

__all__ = ["ordered_batches", "shuffled_batches", "shuffled_shots", "steps_per_epoch"]


def steps_per_epoch(split: Split, batch_size: int) -> int:
    """Count the batches of an epoch; a last one that isn't full is left out, unless it is all."""
    return max(1, len(split) // batch_size)


def shuffled_batches(split: Split, batch_size: int, epoch: int, seed: int) -> tf.data.Dataset:
    """Return the training batches of an epoch, in an order of the epoch and the seed.

    They are uint8 (batch, size, size, 3) pictures and int64 (batch,) labels, as many batches as
    `steps_per_epoch` says; only a whole split smaller than the batch size makes a smaller one.
    """
    return _batches(split, _shuffled(split, batch_size, epoch, seed), epoch)


def shuffled_shots(split: Split, batch_size: int, epoch: int, seed: int) -> tf.data.Dataset:
    """Return the batches of `shuffled_batches` as two shots of each thing, without labels.

    They are uint8 (2, batch, size, size, 3) and a tuple of one.
    """
    indices = _shuffled(split, batch_size, epoch, seed)

    def load(batch: tf.Tensor) -> tuple[tf.Tensor]:
        shots = tf.numpy_function(
            lambda batch: split.read_shots(indices[int(batch)].tolist(), epoch), [batch], tf.uint8
        )
        return (tf.ensure_shape(shots, (2, None, None, None, 3)),)

    return _loaded(load, len(indices))


def _shuffled(split: Split, batch_size: int, epoch: int, seed: int) -> list[NDArray[np.int64]]:
    order = np.random.default_rng([seed, epoch]).permutation(len(split))
    steps = steps_per_epoch(split, batch_size)
    return np.array_split(order[: steps * batch_size], steps)


def ordered_batches(split: Split, batch_size: int, at_most: int | None = None) -> tf.data.Dataset:
    """Return all pictures once, or the first ones, in order, for evaluation."""
    count = len(split) if at_most is None else min(at_most, len(split))
    starts = range(batch_size, count, batch_size)
    return _batches(split, np.split(np.arange(count), starts), epoch=0)


def _batches(split: Split, indices: list[NDArray[np.int64]], epoch: int) -> tf.data.Dataset:
    def read(batch: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return split.read(indices[int(batch)].tolist(), epoch)

    def load(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pictures, labels = tf.numpy_function(read, [batch], (tf.uint8, tf.int64))
        return tf.ensure_shape(pictures, (None, None, None, 3)), tf.ensure_shape(labels, (None,))

    return _loaded(load, len(indices))


def _loaded(load: Callable[[tf.Tensor], tuple[tf.Tensor, ...]], batches: int) -> tf.data.Dataset:
    numbers = tf.data.Dataset.range(batches)
    return numbers.map(load, num_parallel_calls=2, deterministic=True).prefetch(2)
