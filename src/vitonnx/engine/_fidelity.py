"""Cost of fewer bits: results in a reduced precision compared with single precision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vitonnx.dataset import as_dataset
from vitonnx.engine._asked import as_pictures
from vitonnx.engine._engine import Engine, Picture
from vitonnx.engine._result_stream import Result
from vitonnx.errors import PrecisionError
from vitonnx.media import Notice
from vitonnx.probes import Distance, Heads, Probe, Rollout

__all__ = [
    "FIDELITY_PROBES",
    "RANK_LIMIT",
    "Fidelity",
    "compare_engines",
    "hold_fidelity",
    "measure_fidelity",
    "rank_correlation",
]

MASS = 0.6
RANK_LIMIT: Final = 0.99
"""Least rank correlation of maps with those of fp32, at which a precision costs too much."""

SCENES = 16
SCENE_SIZE = 256, 256
FIDELITY_PROBES: tuple[Probe[Any], ...] = (Heads(mass=MASS), Rollout(), Distance())
"""What is compared."""


@dataclass(frozen=True)
class Fidelity:
    """Agreement of a reduced precision with single precision, over some pictures.

    Parameters
    ----------
    pictures : int
        Number of pictures compared.
    prediction : float or None
        Share of pictures whose likeliest class is the same; None if the model has no head.
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
        """Return all as plain numbers, rounded to significant digits."""
        return {
            name: round(value, 5) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


def hold_fidelity(
    exact: Engine,
    reduced: Engine,
    pictures: Picture | Iterable[Picture] | None = None,
    *,
    force: bool = False,
    notice: Notice = lambda sentence: None,
) -> Fidelity:
    """Measure what a reduced precision costs, and refuse one that costs too much.

    Parameters
    ----------
    exact, reduced : Engine
        Of the same model, at the same size.
    pictures : picture or sequence of pictures, optional
        As engines take them; drawn scenes by default.
    force : bool
        Whether any cost is accepted.
    notice : callable
        Takes a sentence where too high a cost is accepted.

    Raises
    ------
    PictureError
        If a picture can't be read or used.
    PrecisionError
        If a rank correlation is too low, unless that is forced.
    """
    fidelity = compare_engines(exact, reduced, _scenes() if pictures is None else pictures)
    if fidelity.holds():
        return fidelity
    cost = (
        f"the rank correlation of its maps with those of fp32 is {fidelity.heads:.3f} for heads "
        f"and {fidelity.rollout:.3f} for rollout, and {RANK_LIMIT} is asked of both"
    )
    if not force:
        raise PrecisionError(
            f"{reduced.precision} costs too much on these pictures, so nothing was written: "
            f"{cost}. Use another precision, or --force (force=True in Python).",
            reduced.precision,
            fidelity,
        )
    notice(f"{reduced.precision} changes the maps: {cost}.")
    return fidelity


def compare_engines(
    exact: Engine, reduced: Engine, pictures: Picture | Iterable[Picture]
) -> Fidelity:
    """Measure what a reduced precision costs, against single precision, over some pictures.

    Parameters
    ----------
    exact, reduced : Engine
        Of the same model, at the same size.
    pictures : picture or sequence of pictures
        As engines take them.

    Raises
    ------
    PictureError
        If a picture can't be read or used.
    """
    shown = as_dataset(as_pictures(pictures))
    return measure_fidelity(*(engine.stream(shown, FIDELITY_PROBES) for engine in (exact, reduced)))


def measure_fidelity(exact: Iterable[Result], reduced: Iterable[Result]) -> Fidelity:
    """Compare results of the `FIDELITY_PROBES` for the same pictures, one after the other.

    Raises
    ------
    PictureError
        If one of them is an error.
    """
    same: list[bool] = []
    heads: list[float] = []
    rollout: list[float] = []
    masks: list[float] = []
    distance, pictures = 0.0, 0
    for one, other in zip(exact, reduced, strict=True):
        for result in (one, other):
            if result.error is not None:
                raise result.error
        pictures += 1
        if one.prediction is not None and other.prediction is not None:
            same.append(one.prediction.index == other.prediction.index)
        before, after = one["heads"], other["heads"]
        heads += map(rank_correlation, before.attention, after.attention)
        rollout.append(rank_correlation(one["rollout"].rollout, other["rollout"].rollout))
        masks += [
            float(np.sum(a & b) / np.sum(a | b))
            for a, b in zip(before.mask, after.mask, strict=True)
        ]
        changed = np.abs(other["distance"].distance / one["distance"].distance - 1)
        distance = max(distance, float(np.max(changed)))
    return Fidelity(
        pictures=pictures,
        prediction=float(np.mean(same)) if same else None,
        heads=float(np.mean(heads)),
        rollout=float(np.mean(rollout)),
        masks=float(np.mean(masks)),
        distance=distance,
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


def _scenes() -> list[Picture]:
    from vitonnx.data.scenes import draw_scene

    return [draw_scene(seed, size=SCENE_SIZE).picture for seed in range(SCENES)]
