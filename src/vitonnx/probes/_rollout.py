"""The probe ``rollout``: attention followed through all blocks, back to the patches."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import array_api_compat

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array, check_attention
from vitonnx.probes._crop import Crop
from vitonnx.probes._finding import Maps
from vitonnx.probes._mixing import Fused, follow, mixing
from vitonnx.probes._option import is_open, option
from vitonnx.probes._patches import fold_patches
from vitonnx.probes._probe import GraphProbe, Queries
from vitonnx.probes._result import PictureResult

__all__ = ["Fusion", "Rollout", "RolloutResult", "rollout"]

Fusion = Literal["mean", "max", "min"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RolloutResult(PictureResult):
    """Where the output looks through all blocks, in one picture.

    Parameters
    ----------
    rollout : float32 (rows, columns)
        Share of each patch, not rescaled: together with the prefix tokens they sum to 1.
    fusion, discard
        The probe's.
    """

    rollout: Array
    fusion: Fusion = "mean"
    discard: float = 0.0

    @property
    def drawn(self) -> dict[str, Array]:
        """The one map."""
        return {"values": self.rollout[None, ...]}

    @property
    def finding(self) -> Maps:
        """The one map."""
        discarded = [f"discarded: {self.discard:.0%}"] if self.discard else []
        return Maps(
            **self.drawn,
            labels=("attention rollout",),
            unit="rollout weight",
            details=("rollout of all blocks", f"fusion of heads: {self.fusion}", *discarded),
            from_zero=False,  # the skip connections spread part of a rollout evenly
        )


@dataclass(frozen=True)
class Rollout(GraphProbe[RolloutResult]):
    """Attention rollout from the class token to the patches.

    A model without class token is asked for the mean over its patches.

    Parameters
    ----------
    fusion : "mean", "max" or "min"
        Over the heads; "mean" is the published one.
    discard : float in [0, 1)
        Share of each block's fused attention whose smallest entries are set to zero.

    Raises
    ------
    UsageError
        If an option is out of its range.

    References
    ----------
    Abnar & Zuidema 2020, arXiv:2005.00928, section 3.

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=2, heads=6)
    >>> Rollout().reads(vit)
    ('block_00/attention', 'block_01/attention')
    """

    name: ClassVar[str] = "rollout"
    help: ClassVar[str] = "Show where the output looks, through all blocks."
    purpose: ClassVar[str] = (
        "See which patches reach the output through all blocks, where the heads of a block show "
        "that block alone."
    )
    example: ClassVar[str] = "--discard 0.9"
    gives = Maps
    shares = True

    fusion: Fusion = option("mean", "Fuse the heads of a block by this.")
    discard: float = option(
        0.0, "Set this share of each block's attention to zero, the smallest first."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rollout_options(self.fusion, self.discard)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the outputs that are read: the attention of all blocks."""
        return tuple(layout.attention(block) for block in range(layout.blocks))

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Give the class token, the same in every picture; None where the model has none."""
        return layout.class_token

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, rows, columns): the share of each patch."""
        class_token = layout.class_token
        patches = slice(layout.prefix, layout.prefix + layout.patches)
        shares = _follow_blocks(
            [outputs[name] for name in self.reads(layout)],
            fusion=self.fusion,
            discard=self.discard,
            query=patches if class_token is None else class_token,
            class_token=class_token,
            sums_known=True,  # as the contract promises
        )
        xp = array_api_compat.array_namespace(shares)
        return fold_patches(
            xp.astype(shares, xp.float32),
            grid=layout.grid,
            prefix=layout.prefix,
            suffix=layout.suffix,
        )

    def result(self, condensed: Array, layout: Layout, query: int | None) -> RolloutResult:
        """Make the result of one picture, of its (rows, columns)."""
        return RolloutResult(rollout=condensed, fusion=self.fusion, discard=self.discard)


def rollout(
    attentions: Sequence[Array],
    *,
    fusion: Fusion = "mean",
    discard: float = 0.0,
    query: int | slice | None = None,
    class_token: int | None = 0,
) -> Array:
    """Follow attention from the last block down to the input tokens.

    Each block mixes tokens with ``(fused attention + identity) / 2``, the identity for the skip
    connection, rows renormalised to sum to 1; the rollout is the product of all of them, last
    block leftmost.

    Parameters
    ----------
    attentions : sequence of (batch, heads, tokens, tokens)
        Softmax weights, first block first.
    fusion : "mean", "max" or "min"
        Over the heads; "mean" is the published one.
    discard : float in [0, 1)
        Share of the fused map's entries, counted over all of them and for each picture and block
        apart, whose smallest are set to zero. The class token's row and column and the diagonal
        are kept, and so is what equals the smallest entry outside the share.
    query : int, slice or None
        The row that is wanted; a slice gives the mean of its rows, as ``slice(prefix, None)`` does
        for the patches. A row costs one vector-matrix product a block. None gives the full matrix.
    class_token : int or None
        Index of the class token, None where there is none. Matters to `discard` alone.

    Returns
    -------
    (batch, tokens, tokens), or (batch, tokens) with a query
        The input's namespace and dtype; rows sum to 1.

    Raises
    ------
    UsageError
        If an option is out of its range, or the attentions don't fit together.

    References
    ----------
    Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", arXiv:2005.00928,
    section 3. `fusion` by "max" and "min" and `discard` come from Gildenblat 2020, "Exploring
    Explainability for Vision Transformers".

    Examples
    --------
    >>> import numpy as np
    >>> first = np.asarray([[[[0.0, 1.0], [0.0, 1.0]]]])
    >>> last = np.asarray([[[[1.0, 0.0], [1.0, 0.0]]]])
    >>> rollout([first, last])
    array([[[0.5 , 0.5 ],
            [0.25, 0.75]]])
    >>> rollout([first, last], query=1)
    array([[0.25, 0.75]])
    """
    return _follow_blocks(
        attentions,
        fusion=fusion,
        discard=discard,
        query=query,
        class_token=class_token,
        sums_known=False,
    )


def _follow_blocks(
    attentions: Sequence[Array],
    *,
    fusion: Fusion,
    discard: float,
    query: int | slice | None,
    class_token: int | None,
    sums_known: bool,
) -> Array:
    """Do the work of `rollout`; if `sums_known`, each row of attention sums to 1."""
    check_rollout_options(fusion, discard)
    check_blocks(attentions, query, caller="rollout")
    fuse = functools.partial(
        _fuse, fusion=fusion, discard=discard, class_token=class_token, sums_known=sums_known
    )
    if query is None:
        mixings = (mixing(fuse(attention)) for attention in reversed(attentions))
        return functools.reduce(operator.matmul, mixings)
    rows = query if isinstance(query, slice) else slice(query, query + 1)
    flow = _first_row(attentions[-1], fuse, rows, whole=is_open(discard) or discard > 0)
    for attention in reversed(attentions[:-1]):
        flow = follow(flow, fuse(attention))
    return flow[:, 0, :]


def mixed_attention(attention: Array, *, fusion: Fusion) -> Array:
    """How a block mixes the tokens: ``(fused attention + identity) / 2``, rows renormalised.

    Parameters
    ----------
    attention : (batch, heads, tokens, tokens)
        Softmax weights of a block.
    fusion : "mean", "max" or "min"
        Over the heads.

    Returns
    -------
    (batch, tokens, tokens), the input's namespace and dtype; rows sum to 1

    Examples
    --------
    >>> import numpy as np
    >>> mixed_attention(np.asarray([[[[0.5, 0.5], [0.0, 1.0]]]]), fusion="mean")
    array([[[0.75, 0.25],
            [0.  , 1.  ]]])
    """
    return mixing(_fuse(attention, fusion=fusion, discard=0.0, class_token=None, sums_known=False))


def _fuse(
    attention: Array, *, fusion: Fusion, discard: float, class_token: int | None, sums_known: bool
) -> Fused:
    xp = array_api_compat.array_namespace(attention)
    if fusion == "mean":
        fused = Fused(xp.sum(attention, axis=1), attention.shape[1], sums_known)
    else:
        # A traced maximum does not know its shape.
        extreme = xp.reshape(getattr(xp, fusion)(attention, axis=1), (-1, *attention.shape[2:]))
        fused = Fused(extreme, 1)
    if not is_open(discard) and discard == 0:
        return fused
    tokens = attention.shape[-1]
    index = xp.arange(tokens, device=array_api_compat.device(attention))
    protected = index[:, None] == index[None, :]
    if class_token is not None:
        row, column = index[:, None] == class_token, index[None, :] == class_token
        protected = protected | row | column
    # As a number and not by logic, of which not all GPUs have the operators.
    least = xp.where(protected, -xp.inf, _threshold(fused.total, tokens, discard))
    return Fused(xp.where(fused.total >= least, fused.total, 0.0), fused.times)


def _first_row(
    attention: Array, fuse: Callable[[Array], Fused], rows: slice, *, whole: bool
) -> Array:
    """(batch, 1, tokens), the mean of the rows that the product begins with."""
    # Rows are taken before the heads are fused where they can be: the others need not exist.
    fused = fuse(attention).rows(rows) if whole else fuse(attention[:, :, rows, :])
    mixed = mixing(fused, rows)
    xp = array_api_compat.array_namespace(mixed)
    count = len(range(attention.shape[-1])[rows])
    return mixed if count == 1 else xp.sum(mixed, axis=1, keepdims=True) / count


def _threshold(fused: Array, tokens: int, discard: float) -> Array:
    """Find the smallest entry that is kept of each (tokens, tokens) map: (batch, 1, 1)."""
    xp = array_api_compat.array_namespace(fused)
    flat = xp.reshape(fused, (-1, tokens * tokens))
    if is_open(discard):
        place = xp.astype(discard * (tokens * tokens), xp.int64)
        return xp.take(xp.sort(flat, axis=-1), xp.reshape(place, (1,)), axis=-1)[..., None]
    place = int(discard * tokens * tokens)
    if array_api_compat.is_numpy_namespace(xp):
        # The standard has nothing but sorting, which takes ten times as long.
        return xp.partition(flat, place, axis=-1)[:, place, None, None]
    return xp.sort(flat, axis=-1)[:, place, None, None]


def check_rollout_options(fusion: str, discard: float) -> None:
    """Raise a UsageError unless the fusion exists and ``0 <= discard < 1``."""
    if fusion not in get_args(Fusion):
        raise UsageError(f"fusion {fusion!r} is unknown; there are {', '.join(get_args(Fusion))}.")
    if not (is_open(discard) or 0 <= discard < 1):
        raise UsageError(f"discard is {discard}; it must be at least 0 and less than 1.")


def check_blocks(attentions: Sequence[Array], query: int | slice | None, *, caller: str) -> None:
    """Check that there are blocks, and that they and the query speak of the same tokens."""
    if len(attentions) == 0:
        raise UsageError(f"{caller}: there are no attentions; give those of all blocks.")
    for block, attention in enumerate(attentions):
        check_attention(attention, caller=caller, name=f"attentions[{block}]")
        first, shape = attentions[0].shape, attention.shape
        if (shape[0], shape[-1]) != (first[0], first[-1]):
            raise UsageError(
                f"{caller}: attentions[{block}] has shape {tuple(shape)} and attentions[0] "
                f"{tuple(first)}; batch and tokens must be the same in all blocks."
            )
    tokens = attentions[0].shape[-1]
    if isinstance(query, slice):
        if not range(tokens)[query]:
            raise UsageError(f"{caller}: {query} holds none of the {tokens} tokens.")
    elif query is not None and not 0 <= query < tokens:
        raise UsageError(f"{caller}: there is no query token {query}; there are 0 to {tokens - 1}.")
