"""The probe ``norms``: how long the patches' tokens are, and which are artefacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import array_api_compat
import numpy as np

from vitonnx.contract import residual_name
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._adding import AddingProbe
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import cells_within
from vitonnx.probes._finding import Histogram, Maps
from vitonnx.probes._option import is_open, option
from vitonnx.probes._patches import patch_tokens
from vitonnx.probes._probe import Queries
from vitonnx.probes._result import PictureResult
from vitonnx.probes._total import Total

__all__ = ["NormCounts", "Norms", "NormsResult", "token_norms"]

# 64 bins an octave: a quartile is right to 1 %, and less where it is interpolated.
BINS_OF_AN_OCTAVE, LEAST, MOST = 64, -20, 24
BINS = (MOST - LEAST) * BINS_OF_AN_OCTAVE
EDGES = 2.0 ** (LEAST + np.arange(BINS + 1) / BINS_OF_AN_OCTAVE)
FAR_OUT = 3.0


def token_norms(tokens: Array) -> Array:
    """Measure the Euclidean length of tokens.

    Parameters
    ----------
    tokens : (..., dim)
        Of any number.

    Returns
    -------
    (...), the input's namespace and dtype

    Examples
    --------
    >>> token_norms(np.asarray([[3.0, 4.0], [0.0, 2.0]]))
    array([5., 2.])
    """
    xp = array_api_compat.array_namespace(tokens)
    return xp.sqrt(xp.sum(tokens * tokens, axis=-1))


@dataclass(frozen=True, eq=False)
class NormCounts(Total):
    """How many patches have a norm in each of many bins.

    Parameters
    ----------
    count : int
        Of pictures.
    patches : float64 (bins,)
        Patches in each bin; padding is none.
    """

    patches: Array = 0.0

    def _merged(self, other: NormCounts) -> NormCounts:
        return NormCounts(self.count + other.count, self.patches + other.patches)

    def quantile(self, share: float) -> Array:
        """Give the norm that this share of the patches doesn't exceed: float64 ()."""
        xp = array_api_compat.array_namespace(self.patches)
        below = xp.cumulative_sum(self.patches)
        wanted = share * below[-1:]
        # The first bin with which that many are reached.
        index = xp.arange(BINS, device=array_api_compat.device(below))
        place = xp.sum(xp.astype(below < wanted, xp.int64), axis=0, keepdims=True)
        here = xp.astype(index == place, xp.float64)
        within = (wanted[0] - xp.sum(here * (below - self.patches))) / xp.sum(here * self.patches)
        octaves = LEAST + (xp.astype(place[0], xp.float64) + within) / BINS_OF_AN_OCTAVE
        return 2.0**octaves

    @property
    def threshold(self) -> Array:
        """The norm above which a patch is an artefact: Tukey's outer fence.

        That is three times the distance of the quartiles above the upper one: of numbers that are
        spread normally, two in a million lie beyond.

        References
        ----------
        Tukey 1977, "Exploratory Data Analysis", section 2D.
        """
        lower, upper = self.quantile(0.25), self.quantile(0.75)
        return upper + FAR_OUT * (upper - lower)


def count_norms(norms: Array) -> Array:
    """Count norms in the bins of `EDGES`; what lies beyond is counted in the outermost.

    Parameters
    ----------
    norms : (...)
        Of tokens.

    Returns
    -------
    float64 (bins,), the input's namespace

    Examples
    --------
    >>> counts = count_norms(np.asarray([[1.0, 1.0], [3.0, 0.0]]))
    >>> counts.shape, counts[0], counts[-LEAST * BINS_OF_AN_OCTAVE]
    ((2816,), np.float64(1.0), np.float64(2.0))
    """
    xp = array_api_compat.array_namespace(norms)
    flat = xp.astype(xp.reshape(norms, (-1,)), xp.float64)
    edges = xp.asarray(EDGES[1:-1], device=array_api_compat.device(norms))
    # How many lie below each edge, of which the counts between two are the difference.
    below = xp.sum(xp.astype(flat[:, None] < edges[None, :], xp.float64), axis=0)
    whole = xp.sum(xp.ones_like(flat), axis=0, keepdims=True)
    ends = xp.concat([xp.zeros_like(whole), below, whole])
    return ends[1:] - ends[:-1]


@dataclass(frozen=True, eq=False, kw_only=True)
class NormsResult(PictureResult):
    """How long the patches' tokens are in one picture.

    Parameters
    ----------
    norms : float32 (rows, columns)
        Euclidean length of each patch's token in the residual stream.
    artefacts : bool (rows, columns) or None
        Patches whose norm is above the threshold; None where there is none yet.
    threshold : float or None
        That norm.
    block : int
        Counted from 0.
    """

    norms: Array
    artefacts: Array | None
    threshold: float | None
    block: int

    @property
    def drawn(self) -> dict[str, Array]:
        """The one map, and the mask of the artefacts."""
        drawn = {"values": self.norms[None, ...]}
        return drawn if self.artefacts is None else {**drawn, "masks": self.artefacts[None, ...]}

    @property
    def finding(self) -> Maps:
        """The one map, artefacts outlined."""
        outlined = ""
        if self.threshold is not None and self.artefacts is not None:
            rows, columns = cells_within(self.inside, self.norms.shape)
            share = float(np.asarray(self.artefacts)[rows, columns].mean())
            outlined = f"artefacts, norm above {self.threshold:.4g} ({share:.1%} of the patches)"
        return Maps(
            **self.drawn,
            labels=("norms",),
            unit="norm of the patch's token",
            details=(f"block {self.block}, before any further norm",),
            outlined=outlined,
        )


@dataclass(frozen=True)
class Norms(AddingProbe[NormsResult, NormCounts]):
    """Length of the patches' tokens in the residual stream, and which of them are artefacts.

    Large models keep what belongs to the whole picture in a few patches of the background, whose
    tokens become several times as long as the others.

    Parameters
    ----------
    block : int
        0 is the first block, -1 the last, before the final norm.
    threshold : float or None
        Norm above which a patch is an artefact. None takes Tukey's outer fence of all patches of
        the call: three times the distance of the quartiles above the upper one.

    Raises
    ------
    UsageError
        If the threshold is not above 0.

    References
    ----------
    Darcet et al. 2023, "Vision Transformers Need Registers", arXiv:2309.16588, section 2.

    Examples
    --------
    >>> vit = Layout(grid=(1, 2), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> tokens = {"block_11/residual": np.asarray([[[9.0, 9.0], [3.0, 4.0], [0.0, 2.0]]])}
    >>> (result,) = Norms(threshold=4.5).compute(tokens, vit, [None])
    >>> result.norms.tolist(), result.artefacts.tolist()
    ([[5.0, 2.0]], [[True, False]])
    """

    name: ClassVar[str] = "norms"
    help: ClassVar[str] = "Measure the norms of patch tokens, and find artefacts."
    purpose: ClassVar[str] = (
        "Find artefacts, patches with far longer tokens than others: large models keep notes in "
        "them, which spoil other maps."
    )
    example: ClassVar[str] = "--threshold 150"
    gives = Maps
    learns: ClassVar[tuple[str, ...]] = ("threshold",)

    block: int = option(-1, "Take the residual stream after this block: 0 is the first.")
    threshold: float | None = option(
        None,
        "Call patches with a larger norm artefacts. By default, or with auto: three times the "
        "distance of the quartiles above the upper one, over all patches of all pictures.",
        metavar="auto|X",
        read=lambda text: None if text == "auto" else float(text),
        in_graph=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.threshold is None or is_open(self.threshold):
            return
        if not 0 < self.threshold < float("inf"):
            raise UsageError(f"threshold is {self.threshold}; it must be above 0.")

    def fit_stage(self, layout: Layout) -> Norms | None:
        """Ask all pictures for their norms, of which the threshold follows."""
        return self if self.threshold is None else None

    def learn(self, total: Total, layout: Layout) -> Norms:
        """Take the threshold."""
        assert isinstance(total, NormCounts)
        if not total.count:
            raise UsageError("norms of no picture have no threshold: give pictures.")
        found = total.threshold
        return replace(self, threshold=found if is_open(found) else float(found))

    def learned(self, layout: Layout) -> Mapping[str, Array]:
        """Give the threshold."""
        return {} if self.threshold is None else {"threshold": np.asarray(self.threshold)}

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one value that is read: the residual stream, which no norm has gone over."""
        return (residual_name(layout.block(self.block)),)

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, rows, columns)."""
        norms = token_norms(patch_tokens(outputs[self.reads(layout)[0]], layout))
        xp = array_api_compat.array_namespace(norms)
        return xp.astype(norms, xp.float32)

    def result(self, condensed: Array, layout: Layout, query: int | None) -> NormsResult:
        """Make the result of one picture, of its (rows, columns)."""
        return NormsResult(
            norms=condensed,
            artefacts=None if self.threshold is None else condensed > self.threshold,
            threshold=self.threshold,
            block=layout.block(self.block),
        )

    def summary(self, results: Sequence[NormsResult] = ()) -> NormCounts:
        """Count patches by their norm."""
        total = NormCounts()
        for result in results:
            rows, columns = cells_within(result.inside, result.norms.shape)
            total = total.merge(NormCounts(1, count_norms(result.norms[rows, columns])))
        return total

    def finding_of(self, total: NormCounts, layout: Layout) -> Histogram:
        """Give the histogram, with the threshold."""
        if not total.count:
            raise UsageError("norms of no picture have no histogram: give pictures.")
        threshold = float(total.threshold) if self.threshold is None else self.threshold
        found = Histogram(
            counts=np.asarray(total.patches).astype(np.int64),
            edges=EDGES,
            unit="norm of a patch's token",
            title="Norms of patch tokens",
            threshold=threshold,
            beyond="artefacts",
        )
        return replace(
            found,
            details=(
                f"block {layout.block(self.block)}, before any further norm",
                f"pictures: {total.count}",
                f"artefacts, norm above {threshold:.4g}: {found.share_beyond:.2%} of the patches",
            ),
        )

    def check(self, total: NormCounts, layout: Layout) -> None:
        """Raise a ValueError for other shapes, or counts that can't be."""
        counts: Any = total.patches
        if np.shape(counts) != (len(EDGES) - 1,) or np.min(counts) < 0:
            raise ValueError("counts of patches that can't be")
