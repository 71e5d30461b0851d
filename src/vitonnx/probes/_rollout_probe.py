"""The probe ``rollout``: attention followed through all blocks, back to the patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import array_api_compat

from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop
from vitonnx.probes._patches import fold_patches
from vitonnx.probes._probe import Queries
from vitonnx.probes._rollout import Fusion, check_rollout_options, rollout

__all__ = ["Rollout", "RolloutResult"]


@dataclass(frozen=True, eq=False, kw_only=True)
class RolloutResult:
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


@dataclass(frozen=True)
class Rollout:
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

    fusion: Fusion = "mean"
    discard: float = 0.0

    name: ClassVar[str] = "rollout"

    def __post_init__(self) -> None:
        check_rollout_options(self.fusion, self.discard)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the outputs that are read: the attention of all blocks."""
        return tuple(layout.attention(block) for block in range(layout.blocks))

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Give the class token, the same in every picture; None where the model has none."""
        return layout.class_token

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[RolloutResult]:
        """Make one result for each picture of a batch.

        Parameters
        ----------
        outputs : mapping of str to array
            Holds the attention of all blocks, (batch, heads, tokens, tokens).
        layout : Layout
            The model's.
        queries : sequence of int or None
            What `token` gave for each picture: the same for all.
        """
        return self.results(self.condense(outputs, layout, None), layout, queries)

    @property
    def located(self) -> bool:
        """No: the class token is the same in every picture."""
        return False

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, rows, columns): the share of each patch."""
        class_token = layout.class_token
        patches = slice(layout.prefix, layout.prefix + layout.patches)
        shares = rollout(
            [outputs[name] for name in self.reads(layout)],
            fusion=self.fusion,
            discard=self.discard,
            query=patches if class_token is None else class_token,
            class_token=class_token,
        )
        xp = array_api_compat.array_namespace(shares)
        return fold_patches(
            xp.astype(shares, xp.float32),
            grid=layout.grid,
            prefix=layout.prefix,
            suffix=layout.suffix,
        )

    def results(
        self, condensed: Array, layout: Layout, queries: Sequence[int | None]
    ) -> list[RolloutResult]:
        """Make one result for each picture of a batch."""
        return [
            RolloutResult(rollout=condensed[picture, ...], fusion=self.fusion, discard=self.discard)
            for picture in range(len(queries))
        ]
