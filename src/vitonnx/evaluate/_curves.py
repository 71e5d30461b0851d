"""What a model says of a picture that loses its pixels: curves, and the areas under them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitonnx.contract import EMBEDDING, LOGITS
from vitonnx.engine import Engine, Prepared
from vitonnx.errors import UsageError
from vitonnx.evaluate._perturb import Fill, erased, filling, pixel_order
from vitonnx.evaluate._window import Window

__all__ = ["AREAS", "Erasing", "areas_of", "check_steps", "shares_of"]

AREAS: Final = ("deletion", "insertion", "positive", "negative")
"""Areas under the curves of one map, in the order of `areas_of`."""

TENTHS: Final = 10  # positive and negative perturbation are read at 10, 20, … 90 % of the pixels


def check_steps(steps: int) -> int:
    """Raise a UsageError unless the tenths of a picture are among the steps."""
    if not isinstance(steps, int) or steps < TENTHS or steps % TENTHS:
        raise UsageError(
            f"steps is {steps!r}; it must be a multiple of {TENTHS}, as {TENTHS} or 20: "
            "perturbation is read at each tenth of the pixels."
        )
    return steps


def shares_of(steps: int) -> list[float]:
    """Give the shares of the pixels that are removed: steps + 1, from 0 to 1."""
    return [step / steps for step in range(steps + 1)]


@dataclass(frozen=True)
class Erasing:
    """One picture that loses its pixels in different orders.

    Parameters
    ----------
    engine : Engine
        Model to ask.
    steps : int
        Number of steps from all of the pixels to none.
    fill : "mean", "blur" or "black"
        See `filling`.
    """

    engine: Engine
    steps: int
    fill: Fill

    @property
    def output(self) -> str:
        """The output that is read: the logits, or the embedding of a model without head."""
        return LOGITS if LOGITS in self.engine.outputs else EMBEDDING

    def curves(
        self, picture: Prepared, relevances: list[NDArray[np.float64]], seed: int, number: int
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score a picture while it loses its most relevant pixels, and its least relevant.

        Parameters
        ----------
        picture : Prepared
        relevances : list of float64 (height, width)
            Maps of its `Window`.
        seed, number : int
            See `pixel_order`.

        Returns
        -------
        scores : float64 (maps, 2, steps + 1)
            Probability of the class that the model predicts for the whole picture; of a model
            without head, cosine of its embedding with the whole picture's.
        same : bool (maps, 2, steps + 1)
            Whether the model still predicts that class; False without head.
        """
        window = Window.of(picture)
        mean = self.engine.manifest.preprocessing.mean_colour
        filled = filling(picture.pixels, window, self.fill, mean)
        ends = self._run(np.stack([picture.pixels, filled]))
        between = shares_of(self.steps)[1:-1]
        found = []
        for relevance in relevances:
            order = pixel_order(relevance, seed, number)
            for either in (order, order[::-1]):
                part = self._run(erased(picture.pixels, filled, window, either, between))
                found.append(np.concatenate([ends[:1], part, ends[1:]]))
        outputs = np.stack(found).reshape(len(relevances), 2, self.steps + 1, -1)
        return _scores(outputs, ends[0], is_class=self.output == LOGITS)

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        return self.engine.run_pixels(pixels, [self.output])[self.output].astype(np.float64)


def _scores(
    outputs: NDArray[np.float64], whole: NDArray[np.float64], *, is_class: bool
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Compare outputs, (..., classes or dim), with those of the whole picture."""
    if not is_class:
        lengths = np.linalg.norm(outputs, axis=-1) * np.linalg.norm(whole)
        return outputs @ whole / np.maximum(lengths, 1e-30), np.zeros(outputs.shape[:-1], bool)
    best = int(whole.argmax())
    shares = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    return shares[..., best] / shares.sum(axis=-1), outputs.argmax(axis=-1) == best


def areas_of(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Give the areas under the curves of a picture, as shares of what they could be.

    Parameters
    ----------
    scores, same : (maps, 2, steps + 1)
        As `Erasing.curves` gives them.

    Returns
    -------
    float64 (maps, 4)
        Deletion and insertion: the score while the most relevant pixels go, and while they come.
        Positive and negative perturbation: how often the class stays the same when 10 to 90 % of
        the pixels are removed, the most relevant first and the least relevant first.

    References
    ----------
    Petsiuk et al. 2018, arXiv:1806.07421, section 4.3; Chefer et al. 2021, arXiv:2012.09838,
    section 4.
    """
    steps = scores.shape[-1] - 1
    tenths = same[..., steps // TENTHS : steps : steps // TENTHS].astype(np.float64)
    # That the least relevant pixels go is, read from its end, that the most relevant come.
    return np.concatenate([_area(scores), _area(tenths)], axis=-1)


def _area(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate by trapezoids, over a width of 1."""
    return np.asarray((curves[..., 1:] + curves[..., :-1]).mean(axis=-1) / 2)
