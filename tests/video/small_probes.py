"""Probes of colours and classes, as small as they can be: of the attention of the first block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vitonnx.layout import Layout
from vitonnx.probes import Array, ClassMaps, ColourMaps, Finding, PictureResult, Probe

SPREAD = np.full(3, 0.02)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class SmallResult(PictureResult):
    """One whose finding is made already."""

    found: Finding

    @property
    def finding(self) -> Finding:
        return self.found


def heads_of(outputs: Mapping[str, Array], layout: Layout) -> np.ndarray:
    """Give (batch, heads, rows, columns): where the first token looks, less an even share."""
    attention = np.asarray(outputs[layout.attention(0)])
    first = len(layout.prefix_tokens)
    patches = attention[:, :, 0, first : first + layout.patches]
    return patches.reshape(*patches.shape[:2], *layout.grid) - 1 / layout.patches


class Small(Probe[SmallResult]):
    def reads(self, layout: Layout) -> tuple[str, ...]:
        return (layout.attention(0),)


@dataclass(frozen=True)
class Tints(Small):
    """The first three heads as colours, of patches where the first is above an even share."""

    name: ClassVar[str] = "tints"
    gives = ColourMaps

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[SmallResult]:
        return [
            SmallResult(
                found=ColourMaps(
                    values=np.moveaxis(heads[:3], 0, -1),
                    spread=SPREAD,
                    label="heads",
                    shown=heads[0] > 0,
                )
            )
            for heads in heads_of(outputs, layout)
        ]


@dataclass(frozen=True)
class Winner(Small):
    """Which head looks at each patch most: a class for each patch."""

    name: ClassVar[str] = "winner"
    gives = ClassMaps
    names: tuple[str, ...] | None = ("first head", "second head", "third head")

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[Any]:
        return [
            SmallResult(
                found=ClassMaps(
                    values=heads.argmax(axis=0)[None], labels=("winner",), classes=self.names
                )
            )
            for heads in heads_of(outputs, layout)
        ]
