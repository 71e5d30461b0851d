"""What fewer bits cost: results in a reduced precision against those in single precision."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine._engine import Engine, Picture
from vitonnx.engine._result import Result
from vitonnx.probes import Distance, Heads, Probe, Rollout

__all__ = ["FIDELITY_PROBES", "RANK_LIMIT", "Fidelity", "compare_engines", "measure_fidelity"]

MASS = 0.6
RANK_LIMIT = 0.99
FIDELITY_PROBES: tuple[Probe[Any], ...] = (Heads(mass=MASS), Rollout(), Distance())
"""What is compared."""


@dataclass(frozen=True)
class Fidelity:
    """How close a reduced precision comes to single precision, over some pictures.

    Parameters
    ----------
    pictures : int
        How many were compared.
    prediction : float or None
        Share of the pictures whose likeliest class is the same; None where the model has no head.
    heads, rollout : float
        Spearman's rank correlation of the maps, mean over heads and pictures.
    masks : float
        Jaccard index of the masks that hold 60 % of each head's attention, mean.
    distance : float
        Largest relative error of a head's mean attention distance.
    """

    pictures: int
    prediction: float | None
    heads: float
    rollout: float
    masks: float
    distance: float

    def holds(self, limit: float = RANK_LIMIT) -> bool:
        """Whether both rank correlations reach a limit."""
        return min(self.heads, self.rollout) >= limit

    def numbers(self) -> dict[str, float | int | None]:
        """Give all as plain numbers, rounded to what means something."""
        return {
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def compare_engines(exact: Engine, reduced: Engine, pictures: Sequence[Picture]) -> Fidelity:
    """Measure what a reduced precision costs, against single precision, over some pictures.

    Parameters
    ----------
    exact, reduced : Engine
        Of the same model, at the same size.
    pictures : sequence of pictures
        As engines take them.

    Raises
    ------
    PictureError
        If a picture can't be read or used.
    """
    answers = [list(engine.stream(pictures, FIDELITY_PROBES)) for engine in (exact, reduced)]
    for result in (result for answer in answers for result in answer):
        if result.error is not None:
            raise result.error
    return measure_fidelity(*answers)


def measure_fidelity(exact: Sequence[Result], reduced: Sequence[Result]) -> Fidelity:
    """Compare results of the same pictures.

    Parameters
    ----------
    exact, reduced : sequence of Result
        With the probes of `FIDELITY_PROBES`, picture by picture.
    """
    pairs = list(zip(exact, reduced, strict=True))
    same = [
        one.prediction.index == other.prediction.index
        for one, other in pairs
        if one.prediction is not None and other.prediction is not None
    ]
    return Fidelity(
        pictures=len(pairs),
        prediction=float(np.mean(same)) if same else None,
        heads=_mean(
            rank_correlation(a, b)
            for one, other in pairs
            for a, b in zip(one["heads"].attention, other["heads"].attention, strict=True)
        ),
        rollout=_mean(
            rank_correlation(one["rollout"].rollout, other["rollout"].rollout)
            for one, other in pairs
        ),
        masks=_mean(
            np.sum(a & b) / np.sum(a | b)
            for one, other in pairs
            for a, b in zip(one["heads"].mask, other["heads"].mask, strict=True)
        ),
        distance=max(
            float(np.max(np.abs(other["distance"].distance / one["distance"].distance - 1)))
            for one, other in pairs
        ),
    )


def rank_correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Correlate the order of two maps' patches, whatever their scale (Spearman's rho).

    Examples
    --------
    >>> rank_correlation(np.array([0.1, 0.5, 0.4]), np.array([1.0, 9.0, 2.0]))
    1.0
    """
    ranks = [np.argsort(np.argsort(values, axis=None)) for values in (one, other)]
    return round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), 12)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
