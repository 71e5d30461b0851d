"""The probe ``flow``: how much attention can flow from the output to each patch at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitonnx.errors import UsageError
from vitonnx.extras import require_flow
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop
from vitonnx.probes._finding import Maps
from vitonnx.probes._flow_graph import FEW, FlowGraph
from vitonnx.probes._option import option
from vitonnx.probes._patches import others
from vitonnx.probes._probe import Probe
from vitonnx.probes._result import PictureResult
from vitonnx.probes._rollout import Fusion, check_blocks, check_rollout_options, mixed_attention

__all__ = ["AttentionFlow", "Flow", "FlowResult", "attention_flow"]

# Measured on one core of an AMD EPYC: what a maximum flow takes for each edge that is searched, in
# a few edges of each node, and at worst in all of them.
SECONDS_PER_EDGE = 80e-9
MOST_SECONDS_PER_EDGE = 300e-9

# In a graph: above this, all its edges at once take more than 3 GB, and a picture many hours.
MOST_EDGES = 50 * 10**6


class AttentionFlow(NamedTuple):
    """Maximum flows, and how far they may be from the exact ones.

    Attributes
    ----------
    flow : float64 (batch, targets)
        From 0 to 1.
    error_bound : float64 (batch, targets)
        No exact flow differs by more.
    """

    flow: NDArray[np.float64]
    error_bound: NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class FlowResult(PictureResult):
    """How much attention can flow from the output to each patch, in one picture.

    Parameters
    ----------
    flow : float64 (rows, columns)
        Maximum flow to each patch, from 0 to 1; each is found by itself, and they have no sum.
    error_bound : float
        No exact flow differs by more.
    fusion
        The probe's.
    """

    flow: Array
    error_bound: float = 0.0
    fusion: Fusion = "mean"

    @property
    def finding(self) -> Maps:
        """The one map."""
        return Maps(
            values=self.flow[None, ...],
            labels=("attention flow",),
            unit="maximum flow",
            details=(
                "maximum flow through all blocks",
                f"fusion of heads: {self.fusion}",
                f"exact to {_rounded_up(self.error_bound)}",
            ),
            from_zero=False,  # the skip connections let much flow to every patch
        )


@dataclass(frozen=True)
class Flow(Probe[FlowResult]):
    """Attention flow from the class token to the patches.

    A model without class token is asked for the flow out of all its patches: each lets an equal
    share of 1 in.

    Parameters
    ----------
    fusion : "mean", "max" or "min"
        Over the heads; "mean" is the published one.

    Raises
    ------
    UsageError
        If the option is unknown.
    MissingExtraError
        If SciPy isn't installed.

    References
    ----------
    Abnar & Zuidema 2020, arXiv:2005.00928, section 3.

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> Flow().advice(vit)
    'a picture takes 196 maximum flows in a graph of 388,484 edges: less than a second, or up to \
20 seconds where the graph has narrow parts.'
    """

    name: ClassVar[str] = "flow"
    help: ClassVar[str] = "Show how much attention can flow to each patch, through all blocks."
    purpose: ClassVar[str] = (
        "See how much of each patch could reach the output at most, if every block passed on "
        "all that its attention lets through."
    )
    example: ClassVar[str] = "--fusion max"
    gives = Maps
    in_videos: ClassVar[bool] = False

    fusion: Fusion = option("mean", "Fuse the heads of a block by this.")

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the outputs that are read: the attention of all blocks.

        Raises
        ------
        MissingExtraError
            If SciPy isn't installed.
        UsageError
            If a picture would take too much memory and time.
        """
        require_flow()
        _check_size(layout)
        return tuple(layout.attention(block) for block in range(layout.blocks))

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Give the class token, the same in every picture; None where the model has none."""
        return layout.class_token

    def advice(self, layout: Layout) -> str:
        """Say what a picture will take.

        Raises
        ------
        UsageError
            If that is too much.
        """
        _check_size(layout)
        edges, flows = _edges(layout), layout.patches
        few = min(edges, layout.blocks * layout.tokens * FEW)
        quickest, slowest = flows * few * SECONDS_PER_EDGE, self.most_seconds(layout)
        return (
            f"a picture takes {flows:,} maximum flows in a graph of {edges:,} edges: "
            f"{_in_words(quickest)}, or up to {_in_words(max(slowest, 1.0))} where the graph has "
            "narrow parts."
        )

    def most_seconds(self, layout: Layout) -> float:
        """Give the seconds that a picture may take, where its graph has narrow parts."""
        return layout.patches * _edges(layout) * MOST_SECONDS_PER_EDGE

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[FlowResult]:
        """Make one result for each picture of a batch."""
        attentions = [outputs[name] for name in self.reads(layout)]
        if (tokens := attentions[0].shape[-1]) != layout.tokens:
            raise UsageError(
                f"flow: there are {tokens} tokens; a grid of {layout.grid[0]}x{layout.grid[1]} "
                f"with {others(layout.prefix, layout.suffix)} has {layout.tokens}."
            )
        patches = slice(layout.prefix, layout.prefix + layout.patches)
        found = attention_flow(
            attentions,
            fusion=self.fusion,
            query=patches if layout.class_token is None else layout.class_token,
            targets=patches,
        )
        return [
            FlowResult(
                flow=flow.reshape(layout.grid), error_bound=float(bound.max()), fusion=self.fusion
            )
            for flow, bound in zip(*found, strict=True)
        ]


def attention_flow(
    attentions: Sequence[Array],
    *,
    fusion: Fusion = "mean",
    query: int | slice = 0,
    targets: slice = slice(None),
) -> AttentionFlow:
    """Find how much can flow from the top of the network to each of its input tokens.

    Every token of every layer is a node. From a token to one of the layer below goes an edge that
    takes as much as their entry of ``(fused attention + identity) / 2``, the identity for the skip
    connection, rows renormalised to sum to 1. Each flow is found by itself, as if its target were
    the only one.

    Parameters
    ----------
    attentions : sequence of (batch, heads, tokens, tokens)
        Softmax weights, first block first; arrays that NumPy reads.
    fusion : "mean", "max" or "min"
        Over the heads; "mean" is the published one.
    query : int or slice
        The token at the top out of which all flows; a slice gives each of its tokens an equal
        share of 1 to pass on.
    targets : slice
        The tokens at the bottom into which it flows, one at a time.

    Returns
    -------
    AttentionFlow
        Float64 (batch, targets) from 0 to 1, and a bound of the error of each, which is some 1e-9
        for each token. It is one-sided but for the rounding of float64: an exact flow is what is
        given or more.

    Raises
    ------
    MissingExtraError
        If SciPy isn't installed.
    UsageError
        If an option is out of its range, the attentions don't fit together, or they hold what is
        no weight.

    Notes
    -----
    SciPy finds flows in whole numbers. Capacities are rounded down to multiples of 2**-30, so what
    is found can flow. No more can flow than a cut takes, which is a set of edges that every way
    from the query to the target crosses. The bound is the exact capacity of a cut that the flow
    fills, minus the flow.

    References
    ----------
    Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", arXiv:2005.00928,
    section 3.

    Examples
    --------
    >>> import numpy as np
    >>> first = np.asarray([[[[0.0, 1.0], [0.0, 1.0]]]])
    >>> last = np.asarray([[[[1.0, 0.0], [1.0, 0.0]]]])
    >>> attention_flow([first, last], query=1).flow
    array([[0.5, 1. ]])
    """
    require_flow()
    check_rollout_options(fusion, 0.0)
    blocks = [np.asarray(attention) for attention in attentions]
    check_blocks(blocks, query, caller="attention_flow")
    _check_weights(blocks)
    asked = range(blocks[0].shape[-1])[targets]
    shape = (len(blocks[0]), len(asked))
    found = AttentionFlow(np.empty(shape), np.empty(shape))
    for picture in range(len(blocks[0])):
        one = [block[picture : picture + 1] for block in blocks]
        graph, rounding = FlowGraph(_layers(one, fusion, query)), _rounding(one)
        for place, target in enumerate(asked):
            flow, cut = graph.flow_to(target)
            found.flow[picture, place] = flow
            found.error_bound[picture, place] = cut * (1 + rounding) - flow
    return found


def _layers(
    blocks: Sequence[NDArray[np.floating]], fusion: Fusion, query: int | slice
) -> list[NDArray[np.float64]]:
    """Give the capacities of one picture, from the source down."""
    mixings = [
        mixed_attention(block.astype(np.float64), fusion=fusion)[0] for block in reversed(blocks)
    ]
    rows = query if isinstance(query, slice) else slice(query, query + 1)
    mixings[0] = mixings[0][rows]
    if (count := len(mixings[0])) == 1:
        return mixings
    return [np.full((1, count), 1 / count), *mixings]


def _rounding(blocks: Sequence[NDArray[np.floating]]) -> float:
    """Bound the relative error of capacities and of their sums, in double precision.

    Nothing is ever subtracted: each sum of n numbers is off by n - 1 roundings of half an eps, and
    each product or quotient by one. Those of the heads count twice, above and below the fraction,
    those of the tokens once there, and once in the sum over a cut.
    """
    heads, tokens = max(block.shape[1] for block in blocks), blocks[0].shape[-1]
    return float((heads + tokens + 4) * np.finfo(np.float64).eps)


def _check_weights(blocks: Sequence[NDArray[np.floating]]) -> None:
    for block, attention in enumerate(blocks):
        # Not a number is neither.
        if attention.size and not (attention.min() >= 0 and attention.max() < np.inf):
            raise UsageError(
                f"attention_flow: attentions[{block}] holds what is no attention weight; give "
                "them as they are after the softmax, finite and not negative."
            )


def _edges(layout: Layout, grid: tuple[int, int] | None = None) -> int:
    """Count the edges of a picture's graph where no attention is 0, of another grid if given."""
    rows, columns = grid or layout.grid
    patches, tokens = rows * columns, layout.prefix + rows * columns + layout.suffix
    below = (layout.blocks - 2) * tokens**2 + tokens
    if layout.class_token is not None:  # which is the source
        return tokens + below if layout.blocks > 1 else 1
    return patches + patches * tokens + below if layout.blocks > 1 else 2 * patches


def _check_size(layout: Layout) -> None:
    """Refuse a model of which one picture would take too much."""
    if _edges(layout) > MOST_EDGES:
        raise UsageError(
            f"flow would search a graph of {_edges(layout):,} edges {layout.patches:,} times a "
            "picture, which takes gigabytes of memory and up to many hours: give a smaller --size, "
            f"such as {_largest_size(layout)}."
        )


def _largest_size(layout: Layout) -> str:
    """Give the largest input of about the same shape that isn't refused, as ``--size`` takes it."""
    for longest in range(max(layout.grid), 0, -1):
        rows, columns = (max(1, side * longest // max(layout.grid)) for side in layout.grid)
        if _edges(layout, (rows, columns)) <= MOST_EDGES:
            break
    return f"{rows * layout.patch_size}x{columns * layout.patch_size}"


def _in_words(seconds: float) -> str:
    """Say coarsely how long something takes.

    Examples
    --------
    >>> _in_words(0.02), _in_words(3.04), _in_words(470.0), _in_words(40000.0)
    ('less than a second', '3 seconds', '8 minutes', '10 hours')
    """
    if seconds < 1:
        return "less than a second"
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= 1.5 * length or unit == "second":
            break
    number = float(f"{seconds / length:.1g}")
    return f"{number:.0f} {unit}{'s' if number != 1 else ''}"


def _rounded_up(bound: float) -> str:
    """Write a bound in one digit that is not less.

    Examples
    --------
    >>> _rounded_up(1.834e-7), _rounded_up(9.1e-8), _rounded_up(0.0)
    ('2e-07', '1e-07', '0')
    """
    exact = Decimal(bound)
    digit = Decimal(1).scaleb(exact.adjusted())
    return f"{float(exact.quantize(digit, ROUND_CEILING)):.0e}" if exact else "0"
