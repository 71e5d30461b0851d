"""Which patches are foreground: the side of the first component that keeps off the borders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_compat
import numpy as np

from vitonnx.layout import Layout
from vitonnx.probes._adding import AddingProbe
from vitonnx.probes._arrays import Array
from vitonnx.probes._basis import Side
from vitonnx.probes._finding import Histogram, Maps
from vitonnx.probes._patches import patch_tokens
from vitonnx.probes._probe import Queries
from vitonnx.probes._result import PictureResult
from vitonnx.probes._total import Total

__all__ = ["FirstComponent", "Sides", "otsu_threshold"]

# In standard deviations; what lies beyond is counted in the outermost bins.
EDGES = np.linspace(-8, 8, 2049)


def otsu_threshold(counts: Array) -> int:
    """Find where two groups in a histogram are best told apart.

    Parameters
    ----------
    counts : (bins,)
        Of equally wide bins.

    Returns
    -------
    int
        The last bin of the lower group.

    References
    ----------
    Otsu 1979, "A Threshold Selection Method from Gray-Level Histograms".

    Examples
    --------
    >>> otsu_threshold(np.asarray([0, 5, 9, 4, 0, 0, 2, 7, 3]))
    3
    """
    xp = array_api_compat.array_namespace(counts)
    shares = xp.astype(counts, xp.float64)
    place = xp.astype(xp.arange(counts.shape[0]), xp.float64)
    below, moment = xp.cumulative_sum(shares), xp.cumulative_sum(shares * place)
    whole, mean = below[-1], moment[-1]
    weights = below * (whole - below)
    apart = (mean * below - whole * moment) ** 2
    between = xp.where(weights > 0, apart / xp.where(weights > 0, weights, 1.0), 0.0)
    return int(xp.argmax(between))


@dataclass(frozen=True, eq=False)
class Sides(Total):
    """How patches spread along their first component, and those at the borders of pictures.

    Parameters
    ----------
    count : int
        Of pictures.
    patches, border : float64 (bins,)
        How many lie in each of `EDGES`, of all and of the outermost.
    """

    patches: Array = 0.0
    border: Array = 0.0

    def _merged(self, other: Sides) -> Sides:
        return Sides(
            self.count + other.count, self.patches + other.patches, self.border + other.border
        )

    def choose(self, first: Side) -> Side:
        """Choose the side with the smaller share of the patches at the borders."""
        last = otsu_threshold(self.patches)
        threshold = float(EDGES[last + 1]) * first.spread
        upper = float(self.border[last + 1 :].sum())
        if upper <= float(self.border.sum()) - upper:
            component = first.component
        else:
            component, threshold = -first.component, -threshold
        return Side(mean=first.mean, component=component, spread=first.spread, threshold=threshold)


@dataclass(frozen=True, eq=False, kw_only=True)
class FirstComponentResult(PictureResult):
    """Where the patches of one picture lie along the first component, in standard deviations."""

    component: Array

    @property
    def finding(self) -> Maps:
        """The one map."""
        return Maps(
            values=self.component[None, ...],
            labels=("first component",),
            unit="standard deviations",
            from_zero=False,
        )


@dataclass(frozen=True)
class FirstComponent(AddingProbe[FirstComponentResult, Sides]):
    """Where patches lie along the first component: the second question of `PCA`.

    Parameters
    ----------
    block : int
        See `PCA`.
    side : Side or int
        The component; in a graph, which takes it as an input, its width.
    """

    name: ClassVar[str] = "pca"
    gives = Maps

    block: int = -1
    side: Side | int = 0

    @property
    def graph_form(self) -> FirstComponent:
        """The probe without the component's numbers."""
        width = self.side if isinstance(self.side, int) else int(self.side.mean.shape[0])
        return FirstComponent(self.block, width)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one value that is read."""
        return (layout.stream(self.block),)

    def constants(self, layout: Layout) -> Mapping[str, Array]:
        """Give the component in units of the spread along it, and where it begins."""
        if isinstance(self.side, int):
            return {"pca/component": np.zeros((2, self.side), np.float32)}
        rows = [self.side.mean, self.side.component / self.side.spread]
        return {"pca/component": np.stack(rows).astype(np.float32)}

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, rows, columns)."""
        tokens = patch_tokens(outputs[layout.stream(self.block)], layout)
        mean, component = (outputs["pca/component"][row, :] for row in (0, 1))
        xp = array_api_compat.array_namespace(tokens)
        return xp.sum((tokens - mean) * component, axis=-1)

    def result(self, condensed: Array, layout: Layout, query: int | None) -> FirstComponentResult:
        """Make the result of one picture."""
        return FirstComponentResult(component=condensed)

    def summary(self, results: Sequence[FirstComponentResult] = ()) -> Sides:
        """Count patches, those of the padding too, as the moments do."""
        total = Sides()
        for result in results:
            values = np.clip(np.asarray(result.component), EDGES[0], EDGES[-1])
            edge = np.ones(values.shape, bool)
            edge[1:-1, 1:-1] = False
            patches, border = (
                np.histogram(some, EDGES)[0].astype(float) for some in (values, values[edge])
            )
            total = total.merge(Sides(1, patches, border))
        return total

    def finding_of(self, total: Sides, layout: Layout) -> Histogram:
        """Give the histogram of all patches."""
        return Histogram(
            counts=np.asarray(total.patches).astype(np.int64),
            edges=EDGES,
            unit="first component (standard deviations)",
            title="First component",
        )

    def check(self, total: Sides, layout: Layout) -> None:
        """Raise a ValueError for other shapes, or counts that can't be."""
        for counts in (total.patches, total.border):
            if np.shape(counts) != (len(EDGES) - 1,) or np.min(counts) < 0:
                raise ValueError("counts of patches that can't be")


def on_side(tokens: Array, side: Any) -> Array:
    """Tell how far beyond the threshold of a side each token lies; what is below 0 isn't on it."""
    xp = array_api_compat.array_namespace(tokens)
    return xp.sum((tokens - side[0, :]) * side[1, :], axis=-1) - side[2, 0]
