"""The probe ``heads``: where the heads of one block look from one query token."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import array_api_compat

from vitonnx.errors import PictureError, UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop
from vitonnx.probes._heads import check_mass, head_maps, mass_mask
from vitonnx.probes._probe import Queries

__all__ = ["Heads", "HeadsResult"]


@dataclass(frozen=True, eq=False, kw_only=True)
class HeadsResult:
    """Where the heads of one block look, in one picture.

    Parameters
    ----------
    attention : float32 (heads, rows, columns)
        Attention of the query to every patch, not rescaled.
    mean : float32 (rows, columns)
        Its mean over the heads.
    mask : bool (heads, rows, columns) or None
        The smallest set of patches that holds the probe's `mass`; None where none was asked for.
    mass : float or None
        That share.
    block : int
        Counted from 0.
    query : str
        The query's name: a prefix token, ``mean`` for the mean over the patches, or ``y,x``.
    patch : (row, column) or None
        Of the query, where it is a patch.
    """

    attention: Array
    mean: Array
    mask: Array | None
    mass: float | None
    block: int
    query: str
    patch: tuple[int, int] | None


@dataclass(frozen=True)
class Heads:
    """Attention of one query token over the patches, head by head.

    Parameters
    ----------
    block : int
        0 is the first block, -1 the last.
    query : str, (y, x) or None
        A token that is no patch, such as ``"cls"``, ``"dist"``, ``"reg0"`` or ``"suffix0"``;
        ``"mean"``, the mean over the patches; or a pixel of the picture, which stands for the patch
        that covers it. None is the class token, or the mean over the patches where the model has
        no class token.
    mass : float in (0, 1] or None
        Also find the smallest set of patches that holds this share of the patches' attention.

    Raises
    ------
    UsageError
        If the mass is out of its range, or the query is of another form.

    References
    ----------
    Caron et al. 2021, arXiv:2104.14294.

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> Heads(block=-1).reads(vit)
    ('block_11/attention',)
    >>> Heads(query=(100, 40)).token(vit, (0, 0, 224, 224))  # row 6, column 2
    87
    """

    block: int = -1
    query: str | tuple[int, int] | None = None
    mass: float | None = None

    name: ClassVar[str] = "heads"

    def __post_init__(self) -> None:
        if self.mass is not None:
            check_mass(self.mass)
        if not (self.query is None or isinstance(self.query, str) or _is_pixel(self.query)):
            raise UsageError(
                f"query {self.query!r} is neither a token's name nor a pixel (y, x), "
                "two whole numbers."
            )

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one output that is read: the block's attention.

        Raises
        ------
        UsageError
            If the model has no such block, or no such query token.
        """
        if isinstance(self.query, str) and self.query not in (*layout.names, "mean"):
            tokens = ", ".join((*layout.names, "mean"))
            raise UsageError(
                f"the model has no query token {self.query!r}; there are {tokens}, "
                "or a pixel of the picture as y,x."
            )
        return (layout.attention(self.block),)

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Find the query token of a picture of which the model saw `crop`.

        Parameters
        ----------
        layout : Layout
            The model's.
        crop : (left, top, right, bottom)
            In pixels of the picture.

        Returns
        -------
        int or None
            Index of the token; None for the mean over the patches.

        Raises
        ------
        PictureError
            If the query is a pixel outside the crop.
        """
        if self.query is None:
            return layout.class_token
        if self.query == "mean":
            return None
        if isinstance(self.query, str):
            return layout.token(self.query)
        left, top, right, bottom = crop
        row = _cell(self.query[0], top, bottom, layout.grid[0])
        column = _cell(self.query[1], left, right, layout.grid[1])
        if row is None or column is None:
            raise PictureError(
                f"the query pixel y {self.query[0]}, x {self.query[1]} lies outside the crop that "
                f"the model sees: y {_pixels(top, bottom)}, x {_pixels(left, right)}."
            )
        return layout.prefix + row * layout.grid[1] + column

    def compute(
        self, outputs: Mapping[str, Array], layout: Layout, queries: Sequence[int | None]
    ) -> list[HeadsResult]:
        """Make one result for each picture of a batch.

        Parameters
        ----------
        outputs : mapping of str to array
            Holds the block's attention, (batch, heads, tokens, tokens).
        layout : Layout
            The model's.
        queries : sequence of int or None
            What `token` gave for each picture.
        """
        tokens = queries[0] if len(set(queries)) == 1 else _stacked(queries, outputs)
        return self.results(self.condense(outputs, layout, tokens), layout, queries)

    @property
    def located(self) -> bool:
        """Whether the query is a pixel, which lies in another patch of every picture."""
        return self.query is not None and not isinstance(self.query, str)

    @property
    def graph_form(self) -> Heads:
        """The probe without what its graph does not depend on: which pixel is asked, and the mass.

        Examples
        --------
        >>> Heads(query=(100, 40), mass=0.6).graph_form == Heads(query=(7, 7)).graph_form
        True
        """
        return Heads(self.block, (0, 0) if self.located else self.query)

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, heads, rows, columns): the queries' attention to the patches."""
        attention = outputs[layout.attention(self.block)]
        xp = array_api_compat.array_namespace(attention)
        maps = head_maps(
            attention,
            grid=layout.grid,
            prefix=layout.prefix,
            suffix=layout.suffix,
            query=queries,
        )
        return xp.astype(maps, xp.float32)

    def results(
        self, condensed: Array, layout: Layout, queries: Sequence[int | None]
    ) -> list[HeadsResult]:
        """Make one result for each picture of a batch."""
        xp = array_api_compat.array_namespace(condensed)
        mask = None if self.mass is None else mass_mask(condensed, self.mass)
        return [
            HeadsResult(
                attention=condensed[picture, ...],
                mean=xp.mean(condensed[picture, ...], axis=0),
                mask=None if mask is None else mask[picture, ...],
                mass=self.mass,
                block=layout.block(self.block),
                query=self._label(layout),
                patch=layout.patch(query),
            )
            for picture, query in enumerate(queries)
        ]

    def _label(self, layout: Layout) -> str:
        if self.query is None:
            return "mean" if layout.class_token is None else "cls"
        return self.query if isinstance(self.query, str) else f"{self.query[0]},{self.query[1]}"


def _stacked(queries: Sequence[int | None], outputs: Mapping[str, Array]) -> Array:
    """Give the queries as an array beside the outputs."""
    (output, *_) = outputs.values()
    xp = array_api_compat.array_namespace(output)
    return xp.asarray(queries, dtype=xp.int64, device=array_api_compat.device(output))


def _is_pixel(query: object) -> bool:
    return (
        isinstance(query, tuple)
        and len(query) == 2
        and all(isinstance(side, Integral) for side in query)
    )


def _cell(pixel: int, start: float, stop: float, cells: int) -> int | None:
    """Which of the equal cells from start to stop holds the pixel's centre; None if none does."""
    position = math.floor((pixel + 0.5 - start) / (stop - start) * cells)
    return position if 0 <= position < cells else None


def _pixels(start: float, stop: float) -> str:
    """Name the first and last pixel whose centres lie from start to stop."""
    return f"{math.ceil(start - 0.5)} to {math.ceil(stop - 0.5) - 1}"
