"""Where a model's maps lie on the frames of a video, which it sees all in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitonnx.engine import Engine, Place, place
from vitonnx.probes import Crop, Probe, cells_within

__all__ = ["Cover"]


@dataclass(frozen=True)
class Cover:
    """The patches that show some of a frame, and where they lie on it.

    Parameters
    ----------
    rows, columns : slice
        Those that show some of the frame; others are padding.
    box : (left, top, right, bottom)
        Where they lie, in shares of the frame's sides: beyond them where a patch is padded in
        part, and within them where the frame is cut, or the patches leave some of it over.
    place : Place
        Of the model's input on the frame.
    """

    rows: slice
    columns: slice
    box: Crop
    place: Place

    @classmethod
    def of(cls, engine: Engine, frame: tuple[int, int]) -> Cover:
        """Find it for a model and frames of (height, width)."""
        manifest = engine.manifest
        found = place(frame, manifest.preprocessing, manifest.covered)
        rows, columns = cells_within(found.inside, manifest.grid)
        left, top, right, bottom = found.crop
        down, across = (bottom - top) / manifest.grid[0], (right - left) / manifest.grid[1]
        height, width = frame
        return cls(
            rows=rows,
            columns=columns,
            box=(
                (left + columns.start * across) / width,
                (top + rows.start * down) / height,
                (left + columns.stop * across) / width,
                (top + rows.stop * down) / height,
            ),
            place=found,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns that are shown."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    def cut(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Leave the padding out of (maps, rows, columns)."""
        return maps[:, self.rows, self.columns]

    def query(self, engine: Engine, probe: Probe[Any]) -> tuple[int, int] | None:
        """Find the patch that is asked, where it is one, among those that are shown.

        Raises
        ------
        PictureError
            If it is a pixel that no patch shows.
        """
        patch = engine.layout.patch(self.place.token(probe, engine.layout))
        if patch is None:
            return None
        return patch[0] - self.rows.start, patch[1] - self.columns.start
