"""What an evaluation of maps comes to: a table, a figure, and all numbers as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Survey
from vitonnx.errors import PictureError
from vitonnx.evaluate._bootstrap import Estimate
from vitonnx.evaluate._curves import AREAS, shares_of
from vitonnx.evaluate._measures import BY_CURVES
from vitonnx.evaluate._run import FaithfulnessRun
from vitonnx.evaluate._save import save_numbers
from vitonnx.evaluate._segmentation import SCORES, mean_iou, pixel_accuracy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Faithfulness", "result_of"]

OF_CLASS, OF_EMBEDDING = "probability of the predicted class", "cosine with the whole picture"


@dataclass(frozen=True, eq=False, kw_only=True)
class Faithfulness:
    """How faithful maps are to a model, and what they show of objects.

    Parameters
    ----------
    model : str
        Name of the model.
    untrained : bool
        Whether its weights are random.
    pictures : int
        Number of pictures measured.
    skipped : dict of str to str
        Pictures that weren't, each with the reason.
    score : str
        What the curves of deletion and insertion show.
    shares : tuple of float
        Shares of the pixels, at which the curves are read.
    curves : dict of str to dict of str to tuple of float
        By map and curve: ``deletion`` and ``positive`` by the share that is removed, the most
        relevant pixels first; ``insertion`` by the share that is brought in, likewise;
        ``negative`` by the share that is removed, the least relevant first. Means over the
        pictures.
    measures : dict of str to dict of str to Estimate
        By map and measure, from 0 to 1: the areas under the curves, and the scores against masks.
    sanity : dict of str to dict of str to Estimate
        By map and stage: Spearman's rank correlation with the untouched model's map once the
        weights of the stage, and of those before it, are random. Empty if not asked for.
    settings : dict of str to str or int
        All that the numbers depend on.
    """

    model: str
    untrained: bool
    pictures: int
    skipped: dict[str, str]
    score: str
    shares: tuple[float, ...]
    curves: dict[str, dict[str, tuple[float, ...]]]
    measures: dict[str, dict[str, Estimate]]
    sanity: dict[str, dict[str, Estimate]]
    settings: dict[str, str | int]

    def __repr__(self) -> str:
        return (
            f"<Faithfulness of {', '.join(self.measures)} to {self.model}, on {self.pictures} "
            "pictures>"
        )

    def save(self, path: str | Path) -> None:
        """Write all numbers as JSON, whole or not at all."""
        save_numbers(path, asdict(self))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Draw the curves, and the sanity check if there is one.

        Parameters
        ----------
        path : path, optional
            Where to write the figure: ``.png``, ``.pdf`` or ``.svg``.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from vitonnx.evaluate._figure import draw
        from vitonnx.plots import save_figure

        figure = draw(self)
        if path is not None:
            save_figure(figure, path)
        return figure


def result_of(run: FaithfulnessRun, surveys: Sequence[Survey]) -> Faithfulness:
    """Give the result of a run that is done.

    Raises
    ------
    PictureError
        If no picture could be used.
    """
    curves, *checks = surveys
    skipped = {file: reason for found in surveys for file, reason in found.skipped.items()}
    if not curves.summary.count:
        raise PictureError(next(iter(skipped.values()), "there is no picture to measure."))
    manifest, rows = run.engine.manifest, curves.summary
    is_class = run.has_head
    names = run.names
    return Faithfulness(
        model=manifest.name,
        untrained=manifest.untrained,
        pictures=rows.count,
        skipped=skipped,
        score=OF_CLASS if is_class else OF_EMBEDDING,
        shares=tuple(shares_of(run.steps)),
        curves={
            name: _curves(rows.sums[:, place] / rows.count, is_class=is_class)
            for place, name in enumerate(names)
        },
        measures={
            name: _measures(rows.numbers[:, place], is_class=is_class)
            for place, name in enumerate(names)
        },
        sanity=_sanity(run, checks),
        settings=run.settings(),
    )


def _curves(means: NDArray[np.float64], *, is_class: bool) -> dict[str, tuple[float, ...]]:
    """Name the mean curves of a map, (2 kinds, 2 orders, steps + 1)."""
    (most, least), (same_most, same_least) = means
    named = {"deletion": most, "insertion": least[::-1]}
    if is_class:
        named |= {"positive": same_most, "negative": same_least}
    return {name: tuple(curve.tolist()) for name, curve in named.items()}


def _measures(numbers: NDArray[np.float64], *, is_class: bool) -> dict[str, Estimate]:
    """Name what the pictures' numbers of a map come to, (pictures, 4 or 12)."""
    found = {
        each.name: Estimate.of(numbers[:, column])
        for column, each in enumerate(BY_CURVES)
        if is_class or not each.needs_class
    }
    counts = numbers[:, len(AREAS) :]
    if counts.shape[1]:
        pointing, iou, accuracy, precision = SCORES
        found |= {
            pointing: Estimate.of(counts[:, 0]),
            iou: Estimate.of(counts, mean_iou),
            accuracy: Estimate.of(counts, pixel_accuracy),
            precision: Estimate.of(counts[:, -1]),
        }
    return found


def _sanity(run: FaithfulnessRun, checks: Sequence[Survey]) -> dict[str, dict[str, Estimate]]:
    stages = [stage.replace("_", " ") for stage in run.stages]
    return {
        name: {
            stage: Estimate.of(found.summary.numbers[:, place])
            for stage, found in zip(stages, checks, strict=True)
            if found.summary.count
        }
        for place, name in enumerate(run.maps)
        if stages
    }
