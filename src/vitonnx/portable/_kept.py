"""What is kept of a picture, so that small graphs can be asked: attention, and tokens."""

from __future__ import annotations

import math

from vitonnx.contract import FINAL_TOKENS, attention_name, tokens_name
from vitonnx.engine import Engine
from vitonnx.errors import UsageError
from vitonnx.layout import Layout

__all__ = ["kept_bytes", "kept_names", "size_that_fits"]


def kept_names(layout: Layout) -> tuple[str, ...]:
    """Name the outputs that are kept: every block's attention and tokens, and the normalised ones.

    Examples
    --------
    >>> kept_names(Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=1, heads=6))
    ('block_00/attention', 'block_00/tokens', 'final_norm/tokens')
    """
    blocks = range(layout.blocks)
    return (*map(attention_name, blocks), *map(tokens_name, blocks), FINAL_TOKENS)


def kept_bytes(layout: Layout) -> int:
    """Count the bytes of one picture.

    Examples
    --------
    >>> kept_bytes(Layout(grid=(28, 28), patch_size=8, prefix_tokens=("cls",), blocks=12, heads=6,
    ...                   dim=384)) // 2**20
    184
    """
    attention = layout.blocks * layout.heads * layout.tokens**2
    return 4 * (attention + (layout.blocks + 1) * layout.tokens * layout.dim)


def size_that_fits(engine: Engine, most: int) -> tuple[int, int]:
    """Find the largest input, of the model's own shape, of which no more than this is kept.

    Parameters
    ----------
    engine : Engine
        The model.
    most : int
        Bytes.

    Raises
    ------
    UsageError
        If even the smallest needs more.
    """
    layout = engine.layout
    patch, longer = layout.patch_size, max(layout.grid)
    for patches in range(longer, 0, -1):
        grid = [max(1, math.floor(side * patches / longer)) for side in layout.grid]
        tokens = layout.tokens - layout.patches + grid[0] * grid[1]
        attention = layout.blocks * layout.heads * tokens**2
        if 4 * (attention + (layout.blocks + 1) * tokens * layout.dim) <= most:
            return grid[0] * patch, grid[1] * patch
    raise UsageError(f"{engine.file} keeps more than {most // 2**20} MB at any size.")
