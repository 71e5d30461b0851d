"""The colours of a map's values, the same for all maps of a figure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, ListedColormap, Normalize
from numpy.typing import NDArray

__all__ = ["PlainScale", "Scale"]

# Attention has sinks: a patch or two with many times the weight of all others. The colours end
# below those, or else everything but the sinks would be black.
TOP_PERCENTILE = 99.5

COLOURS = mpl.colormaps["inferno"]

# How much of the picture a map hides where it is lowest and highest, and what the colour bar lies
# over in place of a picture.
FAINTEST, STRONGEST = 0.5, 0.95
BAR_GREY = 0.4


@dataclass(frozen=True)
class Scale:
    """A linear scale from values to colours.

    Parameters
    ----------
    low, high : float
        Values of the first and last colour.
    clipped : bool
        Whether there are values above `high`; they have the last colour.
    """

    low: float
    high: float
    clipped: bool

    @classmethod
    def over(cls, maps: NDArray[np.float32], *, low: float = 0.0) -> Self:
        """Make a scale for some maps, from `low` up to all but their highest values.

        Examples
        --------
        >>> Scale.over(np.linspace(0, 1, 1001))
        Scale(low=0.0, high=0.995, clipped=True)
        """
        top = float(np.percentile(maps, TOP_PERCENTILE))
        if top <= low:
            # Nearly all is equal: what little sticks out is the map.
            top = max(float(maps.max()), low + 1e-9)
        return cls(low=low, high=top, clipped=bool(maps.max() > top))

    @property
    def norm(self) -> Normalize:
        """From values to 0 to 1, clipped."""
        return Normalize(self.low, self.high, clip=True)

    @cached_property
    def overlay(self) -> ListedColormap:
        """Colours to lay over a grey picture: the higher the value, the less of it is seen."""
        colours = COLOURS(np.linspace(0, 1, 256))
        colours[:, 3] = np.linspace(FAINTEST, STRONGEST, 256)
        return ListedColormap(colours)

    @cached_property
    def bar(self) -> Colormap:
        """The same colours over a medium grey, as they look in the figure."""
        colours = self.overlay(np.linspace(0, 1, 256))
        opacity = colours[:, 3:]
        return ListedColormap(opacity * colours[:, :3] + (1 - opacity) * BAR_GREY)


@dataclass(frozen=True)
class PlainScale(Scale):
    """The same for maps that lie over no picture."""

    @cached_property
    def bar(self) -> Colormap:
        """The colours as they are."""
        return COLOURS
