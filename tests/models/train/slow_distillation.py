"""Targets and losses of self-distillation in NumPy, as the papers write them: slow, and plain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def slow_sinkhorn(scores: Array) -> Array:
    """Caron et al. 2020, appendix A, of scores measured from their prototype's mean.

    The unit is their deviation, the temperature 0.25, and three rounds are done.
    """
    scores = scores - scores.mean(axis=0)
    deviation = np.sqrt((scores**2).mean())
    q = np.exp(scores / (0.25 * max(deviation, 1e-8))).T
    q /= q.sum()
    prototypes, batch = q.shape
    for _ in range(3):
        for row in range(prototypes):
            q[row] *= (1 / prototypes) / q[row].sum()
        for column in range(batch):
            q[:, column] *= (1 / batch) / q[:, column].sum()
    return np.asarray(batch * q.T)


def slow_loss(scores: Array, targets: Array) -> float:
    """Equation 3 of Caron et al. 2021 across shots.

    Logits of the student's crops (crops, 2, batch, prototypes), and what the teacher says of each
    shot (2, batch, prototypes).
    """
    total, pairs = 0.0, 0
    for taught in range(2):
        for crop in range(len(scores)):
            for picture in range(scores.shape[2]):
                says = np.log(softmax(scores[crop, 1 - taught, picture]))
                total += -(targets[taught, picture] * says).sum()
                pairs += 1
    return total / pairs


def slow_koleo(embeddings: Array) -> float:
    """Equation 3 of Sablayrolles et al. 2019, on the unit sphere."""
    points = [point / np.sqrt((point**2).sum()) for point in embeddings]
    total = 0.0
    for place, point in enumerate(points):
        others = points[:place] + points[place + 1 :]
        nearest = min(np.sqrt(((point - other) ** 2).sum()) for other in others)
        total += -np.log(nearest)
    return total / len(points)
