"""How faithful maps are to the supervised model, on scenes whose objects are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, get_args

from vitonnx.demo._demo_models import SUPERVISED, demo_models
from vitonnx.demo._scenes import UNSEEN, draw
from vitonnx.engine import Engine
from vitonnx.evaluate import Estimate, evaluate_faithfulness
from vitonnx.probes import Attribution, Heads, Method, Probe, Rollout

__all__ = ["MAPS", "evaluate_maps"]

MAPS: Final[dict[str, Probe[Any]]] = {
    "heads": Heads(),
    "rollout": Rollout(),
    **{method: Attribution(method) for method in get_args(Method)},
}
"""Maps that are measured, by the names that the table calls them."""

STEPS: Final = 10  # a map takes 18 inferences per scene


def evaluate_maps(
    *, scenes: int = 500, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, dict[str, Estimate]]:
    """Measure how faithful `MAPS` are, on the scenes and against the masks of `evaluate`.

    Parameters
    ----------
    scenes : int
        Number of scenes to measure on.
    progress : callable, optional
        Called with the number of scenes done, and their total.

    Returns
    -------
    dict of str to dict of str to Estimate
        By map and measure; see `vitonnx.evaluate.Faithfulness`.
    """
    with Engine(demo_models()[SUPERVISED]) as engine:
        drawn = [draw(UNSEEN, index, engine.manifest.size, objects=1) for index in range(scenes)]
        found = evaluate_faithfulness(
            engine,
            [scene.picture for scene in drawn],
            MAPS,
            masks=[scene.masks[0] for scene in drawn],
            steps=STEPS,
            progress=progress,
        )
    return found.measures
