"""Where a model's maps lie on the frames of a film, which it sees all in the same way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Engine, place
from vitonnx.probes import Crop, Heads, Rollout

__all__ = ["Cover"]


@dataclass(frozen=True)
class Cover:
    """The patches that show some of a frame, and where they lie on it.

    Parameters
    ----------
    grid : (rows, columns)
        Of the model.
    rows, columns : slice
        Those that show some of the frame; others are padding.
    box : (left, top, right, bottom)
        Where they lie, in shares of the frame's sides: beyond them where a patch is padded in
        part, and within them where the frame is cut.
    crop, seen : (left, top, right, bottom)
        What of the frame the model sees, in pixels, with and without the padding.
    """

    grid: tuple[int, int]
    rows: slice
    columns: slice
    box: Crop
    crop: Crop
    seen: Crop

    @classmethod
    def of(cls, engine: Engine, frame: tuple[int, int]) -> Cover:
        """Find it for a model and frames of (height, width)."""
        found = place(frame, engine.manifest.preprocessing)
        (rows, columns), inside = engine.layout.grid, found.inside
        left, top, right, bottom = found.crop
        shown = _whole(inside[1], inside[3], rows), _whole(inside[0], inside[2], columns)
        down, across = (bottom - top) / rows, (right - left) / columns
        return cls(
            grid=(rows, columns),
            rows=shown[0],
            columns=shown[1],
            box=(
                (left + shown[1].start * across) / frame[1],
                (top + shown[0].start * down) / frame[0],
                (left + shown[1].stop * across) / frame[1],
                (top + shown[0].stop * down) / frame[0],
            ),
            crop=found.crop,
            seen=(max(left, 0.0), max(top, 0.0), min(right, frame[1]), min(bottom, frame[0])),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are shown."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def cut(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Leave the padding out of (maps, rows, columns)."""
        return maps[:, self.rows, self.columns]

    def query(self, engine: Engine, probe: Heads | Rollout) -> tuple[int, int] | None:
        """Find the patch that is asked, where it is one, among those that are shown.

        Raises
        ------
        PictureError
            If it is a pixel that the model doesn't see.
        """
        probe.token(engine.layout, self.seen)
        patch = engine.layout.patch(probe.token(engine.layout, self.crop))
        if patch is None:
            return None
        return patch[0] - self.rows.start, patch[1] - self.columns.start


def _whole(first: float, last: float, cells: int) -> slice:
    """Give the cells that lie between two shares, at least in part."""
    # A sliver that is there by floating point alone is no patch.
    return slice(math.floor(first * cells + 1e-6), math.ceil(last * cells - 1e-6))
