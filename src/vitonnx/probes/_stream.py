"""What the tokens of a block are called, where results say it."""

from __future__ import annotations

from vitonnx.layout import Layout

__all__ = ["say_block"]


def say_block(block: int, layout: Layout) -> str:
    """Say which tokens `Layout.stream` names.

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> say_block(3, vit), say_block(-1, vit)
    ('block 3', 'block 11, after the final norm')
    """
    number = layout.block(block)
    if number < layout.blocks - 1:
        return f"block {number}"
    norm = "after the final norm" if layout.final_norm else "no final norm for patches"
    return f"block {number}, {norm}"
