"""The interface between the training loop and an objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

import keras
import tensorflow as tf

from vitonnx.models._vit import VisionTransformer

if TYPE_CHECKING:
    from vitonnx.data import LabelledPictures

__all__ = ["Objective", "as_pictures"]


class Objective(Protocol):
    """A way of training.

    Attributes
    ----------
    network : VisionTransformer
        Network being trained.
    measures : tuple of str
        Names of the measures computed after an epoch.
    highest : str or None
        Measure whose highest value marks the best epoch; None if the last is the best.
    """

    network: VisionTransformer
    measures: ClassVar[tuple[str, ...]]
    highest: ClassVar[str | None]

    def step(self, pictures: tf.Tensor, labels: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Learn from one batch.

        Parameters
        ----------
        pictures : uint8 (batch, size, size, 3)
        labels : int64 (batch,)
        number : int32 scalar
            Steps done before this one: what is drawn depends on it and the seed alone.

        Returns
        -------
        float32 scalar
            The loss of the batch.
        """
        ...

    def measure(self, data: LabelledPictures) -> dict[str, float]:
        """Measure the network after an epoch, on the validation pictures."""
        ...

    def state(self) -> dict[str, keras.Variable | tf.Variable]:
        """Name every variable that training needs to go on."""
        ...


def as_pictures(pixels: tf.Tensor, side: int) -> tf.Tensor:
    """Convert uint8 to float32 (batch, side, side, 3) in the range 0 to 1."""
    return tf.ensure_shape(tf.cast(pixels, tf.float32) * (1 / 255), (None, side, side, 3))
