"""What a probe must know of a model: how its tokens are laid out, and how many blocks it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from vitonnx.contract import (
    FINAL_NORM_KEY,
    FINAL_TOKENS,
    READOUT_KEY,
    attention_name,
    tokens_name,
)
from vitonnx.errors import UsageError

__all__ = ["Layout"]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The tokens and blocks of a model.

    Parameters
    ----------
    grid : (rows, columns)
        Patches of the input; in the sequence of tokens they run row by row.
    patch_size : int
        Side of a patch, in pixels of the input.
    prefix_tokens : tuple of str
        Tokens in front of the patches, in order: ``cls``, ``dist``, ``reg0`` …
    blocks, heads : int
        Depth, and attention heads a block.
    position_grid : (rows, columns) or None
        Patches that have a row in the position embedding; None without a position embedding.
    position_prefix : tuple of str
        Prefix tokens that have a row there, in front of the patches.
    suffix_tokens : tuple of str
        Tokens behind the patches, in order.
    name : str
        Of the model, where known.
    dim : int
        Width of the residual stream; 0 where nobody asks for it.
    classes : tuple of str or None
        Names of the classes that the head tells apart, where known.
    final_norm : bool
        Whether the tokens called `vitonnx.contract.FINAL_TOKENS` are normalised; if not, they are
        as the last block leaves them. No file says it: it is known once a graph was planned.
    readout : tuple of (start, stop)
        Tokens that the head reads, likewise; none where nobody asked.
    class_count : int or None
        Number of classes, where the head's output says it.
    """

    grid: tuple[int, int]
    patch_size: int
    prefix_tokens: tuple[str, ...]
    blocks: int
    heads: int
    position_grid: tuple[int, int] | None = None
    position_prefix: tuple[str, ...] = ()
    suffix_tokens: tuple[str, ...] = ()
    name: str = ""
    dim: int = 0
    classes: tuple[str, ...] | None = None
    final_norm: bool = True
    readout: tuple[tuple[int, int], ...] = ()
    class_count: int | None = field(default=None, compare=False)  # no file says it

    def informed(self, said: Mapping[str, str]) -> Self:
        """Give the layout with what a planned graph's metadata say.

        Examples
        --------
        >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
        >>> vit.informed({"vitonnx.readout": "0:1,1:7"}).readout
        ((0, 1), (1, 7))
        """
        edges = (part.split(":") for part in said.get(READOUT_KEY, "").split(",") if part)
        return replace(
            self,
            final_norm=said.get(FINAL_NORM_KEY, "tokens") == "tokens",
            readout=tuple((int(start), int(stop)) for start, stop in edges),
        )

    @property
    def prefix(self) -> int:
        """Number of tokens in front of the patches."""
        return len(self.prefix_tokens)

    @property
    def suffix(self) -> int:
        """Number of tokens behind the patches."""
        return len(self.suffix_tokens)

    @property
    def patches(self) -> int:
        """Number of patches."""
        return self.grid[0] * self.grid[1]

    @property
    def tokens(self) -> int:
        """Prefix tokens, patches and suffix tokens together."""
        return self.prefix + self.patches + self.suffix

    @property
    def class_token(self) -> int | None:
        """Index of the class token; None where the model has none."""
        return self.prefix_tokens.index("cls") if "cls" in self.prefix_tokens else None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tokens that are no patches."""
        return (*self.prefix_tokens, *self.suffix_tokens)

    def token(self, name: str) -> int:
        """Give the index of a token that is no patch, by its name.

        Examples
        --------
        >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6,
        ...              suffix_tokens=("suffix0", "suffix1"))
        >>> vit.token("cls"), vit.token("suffix1")
        (0, 8)
        """
        place = self.names.index(name)
        return place if place < self.prefix else place + self.patches

    def patch(self, token: int | None) -> tuple[int, int] | None:
        """Give row and column of a token in the grid; None where it is no patch, or none at all.

        Examples
        --------
        >>> vit = Layout(grid=(2, 3), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
        >>> vit.patch(5), vit.patch(0)
        ((1, 1), None)
        """
        if token is None or not self.prefix <= token < self.prefix + self.patches:
            return None
        return divmod(token - self.prefix, self.grid[1])

    def block(self, index: int) -> int:
        """Count a block from the front, whichever end `index` counts from.

        Parameters
        ----------
        index : int
            0 is the first block, -1 the last.

        Raises
        ------
        UsageError
            If there is no such block.

        Examples
        --------
        >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
        >>> vit.block(-1)
        11
        >>> vit.block(12)
        Traceback (most recent call last):
            ...
        vitonnx.errors.UsageError: there is no block 12; the model has blocks 0 to 11, or, counted \
from the end, -12 to -1.
        """
        if index not in range(-self.blocks, self.blocks):
            raise UsageError(
                f"there is no block {index}; the model has blocks 0 to {self.blocks - 1}, or, "
                f"counted from the end, {-self.blocks} to -1."
            )
        return index % self.blocks

    def stream(self, block: int) -> str:
        """Name the value that holds a block's tokens as others use them.

        That is after the final norm for the last block, and the residual stream for all others.

        Examples
        --------
        >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
        >>> vit.stream(-1), vit.stream(3)
        ('final_norm/tokens', 'block_03/tokens')
        """
        number = self.block(block)
        return FINAL_TOKENS if number == self.blocks - 1 else tokens_name(number)

    def attention(self, block: int) -> str:
        """Name the output that holds a block's attention.

        Examples
        --------
        >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
        >>> vit.attention(3)
        'block_03/attention'
        """
        return attention_name(self.block(block))
