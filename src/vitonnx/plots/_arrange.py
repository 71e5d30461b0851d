"""Where the tiles of a picture's maps stand."""

from __future__ import annotations

import math
from typing import NamedTuple

from vitonnx.plots._page import LABEL

__all__ = ["GAP", "GROUP", "Place", "arrange_tiles"]

GAP = 0.08  # between tiles of a group, in inches
GROUP = 0.22  # between groups


class Place(NamedTuple):
    """A tile without its label, in inches below the caption.

    Parameters
    ----------
    left, top, width, height : float
        In inches.
    """

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + self.height


def arrange_tiles(parts: int, *, aspect: float, width: float) -> list[Place]:
    """Find a place for the picture, the main map and each part.

    A few parts stand in one row with picture and main map. More stand in a block, with the picture
    and the main map one above the other to its left, together as high as it is.

    Parameters
    ----------
    parts : int
        How many.
    aspect : float
        Height of a tile over its width.
    width : float
        Of all tiles together, in inches.

    Returns
    -------
    list of Place
        Of the picture, the main map, part 0, part 1 …

    Examples
    --------
    >>> picture, main, *block = arrange_tiles(12, aspect=1.0, width=8)
    >>> len({place.left for place in block}), len({place.top for place in block})
    (4, 3)
    >>> math.isclose(main.bottom, block[-1].bottom) and math.isclose(block[-1].right, 8)
    True
    """
    rows = math.isqrt(parts)
    columns = math.ceil(parts / rows)
    if rows == 1:
        tile = (width - GROUP - columns * GAP) / (columns + 2)
        lead = [Place(left, LABEL, tile, tile * aspect) for left in (0, tile + GAP)]
    else:
        # What two tiles have more of the block's height than half of its tiles.
        surplus = (rows - 2) * (LABEL + GAP) / 2
        gaps = GROUP + (columns - 1) * GAP
        tile = (width - gaps - surplus / aspect) / (columns + rows / 2)
        height = rows * tile * aspect / 2 + surplus
        tops = LABEL, LABEL + height + GAP + LABEL
        lead = [Place(0, top, height / aspect, height) for top in tops]
    start = lead[-1].right + GROUP
    across, down = tile + GAP, LABEL + tile * aspect + GAP
    block = [
        Place(start + column * across, LABEL + row * down, tile, tile * aspect)
        for row, column in (divmod(part, columns) for part in range(parts))
    ]
    return lead + block
