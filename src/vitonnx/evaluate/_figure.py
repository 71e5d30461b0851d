"""The figure of an evaluation: its curves side by side."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vitonnx.evaluate._baselines import BASELINES
from vitonnx.evaluate._measures import MEASURES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vitonnx.evaluate._result import Faithfulness
    from vitonnx.plots import CurvePanel

__all__ = ["draw"]

TITLES = {
    "deletion": "Deletion",
    "insertion": "Insertion",
    "positive": "Positive perturbation",
    "negative": "Negative perturbation",
}
ACROSS = {
    "deletion": "removed, most relevant first (%)",
    "insertion": "brought in, most relevant first (%)",
    "positive": "removed, most relevant first (%)",
    "negative": "removed, least relevant first (%)",
}
SAME = "pictures of the same class (%)"


def draw(found: Faithfulness) -> Figure:
    """Draw the curves of every map, and the sanity check if there is one."""
    from vitonnx.plots import CurvePanel, plot_curves

    panels: list[CurvePanel] = []
    for name in next(iter(found.curves.values())):
        higher = MEASURES[name].higher
        panels.append(
            CurvePanel(
                title=TITLES[name],
                better="higher is better" if higher else "lower is better",
                across=ACROSS[name],
                down=SAME if MEASURES[name].needs_class else f"{found.score} (%)",
                at=tuple(100 * share for share in found.shares),
                curves={
                    label: tuple(100 * value for value in curves[name])
                    for label, curves in found.curves.items()
                },
            )
        )
    if found.sanity:
        panels.append(_sanity(found))
    fill = {"mean": "the mean colour", "blur": "the blurred picture", "black": "black"}
    return plot_curves(
        panels,
        title=found.model,
        details=[
            f"faithfulness on {found.pictures} pictures",
            f"removed pixels: {fill[str(found.settings['the fill'])]}",
        ],
        note="untrained: random weights" if found.untrained else "",
        muted=BASELINES,
    )


def _sanity(found: Faithfulness) -> CurvePanel:
    """Give the panel of the sanity check, with how sure its means are."""
    from vitonnx.plots import CurvePanel

    stages = list(next(iter(found.sanity.values())))
    by_map = {name: list(by_stage.values()) for name, by_stage in found.sanity.items()}
    lowest = min(each.low for estimates in by_map.values() for each in estimates)
    return CurvePanel(
        title="Sanity check",
        better="should fall to 0",
        across="weights drawn anew, up to this stage",
        down="rank correlation with the map before",
        at=tuple(range(len(stages) + 1)),
        ticks=("none", *stages),
        bounds=(min(-0.2, math.floor(10 * lowest) / 10), 1.0),
        curves={
            name: (1.0, *(each.value for each in estimates)) for name, estimates in by_map.items()
        },
        bands={
            name: ((1.0, 1.0), *((each.low, each.high) for each in estimates))
            for name, estimates in by_map.items()
        },
    )
