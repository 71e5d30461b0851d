"""What the student learns of the teacher: targets, and the losses of DINO and DINOv2."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

__all__ = ["distillation_loss", "koleo", "sinkhorn"]

SINKHORN_TEMPERATURE = 0.25
SINKHORN_ROUNDS = 3
TINY = 1e-8  # keeps logarithms and divisions finite


def sinkhorn(scores: tf.Tensor) -> tf.Tensor:
    """Turn a batch's scores into probabilities that use all prototypes alike.

    Sinkhorn and Knopp's rounds alone balance, but don't sharpen what hardly differs, as it does at
    first: so the scores are measured from each prototype's mean, in their overall deviation.

    Parameters
    ----------
    scores : float32 (batch, prototypes)

    Returns
    -------
    float32 (batch, prototypes)
        Each row sums to 1; the columns' sums come near batch / prototypes.

    References
    ----------
    Caron et al. 2020 (arXiv:2006.09882), appendix A; Oquab et al. 2023 (arXiv:2304.07193),
    section 4.

    Examples
    --------
    >>> targets = sinkhorn(tf.constant([[3.0, 1.0, 1.1], [3.1, 1.0, 0.9], [2.9, 0.8, 1.0]]))
    >>> np.asarray(targets).argmax(axis=1)
    array([1, 0, 2])
    """
    apart = scores - tf.reduce_mean(scores, axis=0)
    deviation = tf.sqrt(tf.reduce_mean(apart**2)) + TINY
    logarithms = apart / (SINKHORN_TEMPERATURE * deviation)
    # As logarithms, for a picture far from all others would leave them shares of 0, divided by 0.
    for _ in range(SINKHORN_ROUNDS):
        logarithms = tf.nn.log_softmax(tf.nn.log_softmax(logarithms, axis=0), axis=1)
    return tf.exp(logarithms)


def distillation_loss(scores: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy between what the student says of one shot, and the teacher of the other.

    Parameters
    ----------
    scores : float32 (crops, 2, batch, prototypes)
        The student's logits of some crops of each shot.
    targets : float32 (2, batch, prototypes)
        The teacher's probabilities of each shot's large crop.

    Returns
    -------
    float32 scalar, in nats

    References
    ----------
    Caron et al. 2021, equation 3, where both shots are of one picture.
    """
    says = tf.nn.log_softmax(scores)
    return -tf.reduce_mean(tf.reduce_sum(targets[::-1] * says, axis=-1))


def koleo(embeddings: tf.Tensor) -> tf.Tensor:
    """Tell how crowded a batch is: the mean of minus the logarithm of the nearest distances.

    Parameters
    ----------
    embeddings : float32 (batch, dim)
        Two or more, of any length: only directions count.

    Returns
    -------
    float32 scalar

    References
    ----------
    Sablayrolles et al. 2019 (arXiv:1806.03198), equation 3; Oquab et al. 2023
    (arXiv:2304.07193), section 4.

    Examples
    --------
    >>> corners = tf.constant([[1.0, 0.0], [0.0, 2.0]])  # the square root of 2 apart
    >>> round(float(koleo(corners)), 4)
    -0.3466
    """
    points = tf.math.l2_normalize(embeddings, axis=-1)
    likeness = tf.linalg.set_diag(
        tf.matmul(points, points, transpose_b=True), -tf.ones(tf.shape(points)[0])
    )
    nearest = tf.gather(points, tf.argmax(likeness, axis=1))
    distances = tf.norm(points - nearest + np.float32(TINY), axis=-1)
    return -tf.reduce_mean(tf.math.log(distances + TINY))
