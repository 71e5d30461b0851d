"""The probe ``similarity``: how alike a patch's token is to all others, in other pictures too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import array_api_compat
import numpy as np

from vitonnx.layout import Layout
from vitonnx.probes._adding import AddingProbe
from vitonnx.probes._anchor import Anchor
from vitonnx.probes._arrays import Array
from vitonnx.probes._crop import Crop
from vitonnx.probes._finding import Finding, Maps
from vitonnx.probes._option import Option, option
from vitonnx.probes._patches import patch_tokens
from vitonnx.probes._probe import GraphProbe, Queries
from vitonnx.probes._query import (
    PATCH,
    check_query,
    is_located,
    query_token,
    read_query,
    require_token,
    row_of_each,
    say_query,
)
from vitonnx.probes._result import PictureResult
from vitonnx.probes._stream import say_block
from vitonnx.probes._total import Total

__all__ = ["QueryToken", "Similarity", "SimilarityResult", "cosine_similarity"]


ROUNDING = 1e-5  # of the cosine of a token with itself, in single precision


def cosine_similarity(tokens: Array, to: Array) -> Array:
    """Compare tokens with one by the cosine of the angle between them.

    Parameters
    ----------
    tokens : (..., dim)
        To compare.
    to : (dim,), or as `tokens` with one token in place of others
        What they are compared with.

    Returns
    -------
    (...), the input's namespace and dtype
        From -1 to 1; 0 where either is all zeros.

    Examples
    --------
    >>> import numpy as np
    >>> cosine_similarity(np.asarray([[3.0, 4.0], [0.0, 2.0]]), np.asarray([6.0, 8.0]))
    array([1. , 0.8])
    """
    xp = array_api_compat.array_namespace(tokens)
    # Not as a product of matrices: runtimes are several times slower at a product with one column.
    products = xp.sum(tokens * to, axis=-1)
    lengths = xp.sqrt(xp.sum(tokens * tokens, axis=-1)) * xp.sqrt(xp.sum(to * to, axis=-1))
    return xp.where(lengths > 0, products / xp.where(lengths > 0, lengths, 1.0), 0.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class QueryTokenResult(PictureResult):
    """The token of one picture, float32 (dim,), and where it is."""

    vector: Array
    patch: tuple[int, int] | None

    @property
    def finding(self) -> Maps:
        """Its numbers, in a row."""
        return Maps(values=self.vector[None, None, :], labels=("query token",), unit="value")


@dataclass(frozen=True)
class QueryToken(AddingProbe[QueryTokenResult, Anchor]):
    """The token that a query stands for in the first picture: what `Similarity` compares with."""

    name: ClassVar[str] = "similarity"
    gives = Maps
    first_only: ClassVar[bool] = True

    block: int = -1
    query: tuple[int, int] | None = None

    @property
    def graph_form(self) -> QueryToken:
        """The probe without the pixel."""
        return replace(self, query=None if self.query is None else (0, 0))

    @property
    def located(self) -> bool:
        """Whether the query is a pixel."""
        return self.query is not None

    def token(self, layout: Layout, crop: Crop) -> int:
        """Find the patch of the query; the one in the middle where there is none."""
        return _patch(self.query, layout, crop)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one value that is read."""
        return (layout.stream(self.block),)

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, dim): the token."""
        return _token(outputs[layout.stream(self.block)], queries)

    def result(self, condensed: Array, layout: Layout, query: int | None) -> QueryTokenResult:
        """Make the result of one picture, of its (dim,)."""
        return QueryTokenResult(vector=condensed, patch=layout.patch(query))

    def summary(self, results: Sequence[QueryTokenResult] = ()) -> Anchor:
        """Take the first."""
        if not results:
            return Anchor()
        first = results[0]
        return Anchor(len(results), first.vector, first.patch, first.file)

    def finding_of(self, total: Anchor, layout: Layout) -> Finding:
        """Give the token's numbers, in a row."""
        return Maps(values=total.vector[None, None, :], labels=("query token",), unit="value")


@dataclass(frozen=True, eq=False, kw_only=True)
class SimilarityResult(PictureResult):
    """How alike the patches of one picture are to the query.

    Parameters
    ----------
    similarity : float32 (rows, columns)
        Cosine of each patch's token with the query's.
    query : str
        The query, in words.
    first : str
        The picture that it lies in; empty for each picture's own.
    patch : (row, column) or None
        Where it lies there, where it is a patch.
    tokens : str
        Whose tokens were compared, in words.
    """

    similarity: Array
    query: str
    first: str
    patch: tuple[int, int] | None
    tokens: str

    @property
    def finding(self) -> Maps:
        """The one map; the query's patch is framed in its own picture."""
        whose = f" of {Path(self.first).name}" if self.first else ""
        return Maps(
            values=self.similarity[None, ...],
            labels=("similarity",),
            unit="cosine similarity",
            details=(self.tokens, f"query: {self.query}{whose}"),
            from_zero=False,
            mark=self.patch if self._is_first else None,
        )

    @property
    def _is_first(self) -> bool:
        """Whether the query lies in this picture: arrays of several calls have the same names."""
        if not self.first or self.patch is None:
            return True
        inside = all(at < side for at, side in zip(self.patch, self.similarity.shape, strict=True))
        return (
            self.first == self.file and inside and float(self.similarity[self.patch]) > 1 - ROUNDING
        )


@dataclass(frozen=True)
class Similarity(GraphProbe[SimilarityResult]):
    """Cosine similarity of one token with the patches.

    Parameters
    ----------
    block : int
        0 is the first block, -1 the last. The last block's tokens are taken after the final norm,
        where the model has one for its patches.
    query : (y, x), str or None
        A pixel of the first picture, which stands for the patch that covers it: the patches of all
        pictures are compared with that one. None is the patch in the middle. The name of a token
        that is no patch, such as ``"cls"``, compares each picture's patches with its own.
        ``"patch"`` is for `vitonnx.bake` alone: an input of the baked file then says which patch.
    anchor : Anchor, int or None
        The query's token, once it was found in the first picture: see `vitonnx.Engine.fitted`. In a
        graph, which takes it as an input, its width.

    Raises
    ------
    UsageError
        If the query is of another form.

    References
    ----------
    Siméoni et al. 2025, "DINOv3", arXiv:2508.10104, Fig. 1. Amir et al. 2021, "Deep ViT Features as
    Dense Visual Descriptors", arXiv:2112.05814.

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> Similarity(query=(100, 40)).token(vit, (0, 0, 224, 224))  # row 6, column 2
    87
    """

    name: ClassVar[str] = "similarity"
    help: ClassVar[str] = "Show how alike patches are to one patch, in other pictures too."
    purpose: ClassVar[str] = (
        "See what the model takes for the same thing: how alike patches are to one patch of the "
        "first picture, in all pictures."
    )
    example: ClassVar[str] = "--query 200,240"
    gives = Maps

    block: int = option(
        -1,
        "Compare the tokens of this block: 0 is the first; -1, the last, is taken after the final "
        "norm.",
    )
    query: str | tuple[int, int] | None = option(
        None,
        "Compare with this: a pixel of the first picture for its patch, or, in each picture, a "
        "token that is not a patch (cls, reg0). In a baked file, patch: an input says which. By "
        "default, the patch in the middle of the first picture.",
        metavar="Y,X|TOKEN",
        read=read_query,
    )
    anchor: Anchor | int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_query(self.query)

    def fit_stage(self, layout: Layout) -> AddingProbe[Any, Any] | None:
        """Ask the first picture for the query's token, unless each picture has its own."""
        if self.anchor is not None or isinstance(self.query, str):
            return None
        return QueryToken(self.block, self.query)

    def learn(self, total: Total, layout: Layout) -> Similarity:
        """Take the query's token."""
        assert isinstance(total, Anchor)
        return replace(self, anchor=total)

    def carries(self, option: Option) -> bool:
        """Tell whether the constants carry it: the query, once its token is known."""
        return self.anchor is not None and option.name == "query"

    @property
    def graph_form(self) -> Similarity:
        """The probe without the pixel, and without the token's numbers."""
        form = super().graph_form
        if self.anchor is not None:
            return replace(form, query=None, anchor=self._width)
        return replace(form, query=PATCH) if self.located else form

    @property
    def _width(self) -> int:
        return self.anchor if isinstance(self.anchor, int) else int(self.anchor.vector.shape[0])  # type: ignore[union-attr]

    @property
    def located(self) -> bool:
        """Whether the query is a pixel of each picture."""
        return self.anchor is None and is_located(self.query)

    def token(self, layout: Layout, crop: Crop) -> int | None:
        """Find the query's token in a picture; None where it is that of the first picture."""
        if self.anchor is not None:
            return None
        return _patch(self.query, layout, crop)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one value that is read.

        Raises
        ------
        UsageError
            If the model has no such block, or no such token.
        """
        require_token(self.query, layout)
        return (layout.stream(self.block),)

    def constants(self, layout: Layout) -> Mapping[str, Array]:
        """Give the query's token, where it is that of the first picture."""
        if self.anchor is None:
            return {}
        if isinstance(self.anchor, int):
            return {"similarity/anchor": np.zeros(self.anchor, np.float32)}
        xp = array_api_compat.array_namespace(self.anchor.vector)
        return {"similarity/anchor": xp.astype(self.anchor.vector, xp.float32)}

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, rows, columns)."""
        tokens = outputs[layout.stream(self.block)]
        xp = array_api_compat.array_namespace(tokens)
        if self.anchor is not None:
            to = outputs["similarity/anchor"]
        else:
            to = _token(tokens, queries)[:, None, None, :]
        return xp.astype(cosine_similarity(patch_tokens(tokens, layout), to), xp.float32)

    def result(self, condensed: Array, layout: Layout, query: int | None) -> SimilarityResult:
        """Make the result of one picture, of its (rows, columns)."""
        anchor = self.anchor if isinstance(self.anchor, Anchor) else None
        return SimilarityResult(
            similarity=condensed,
            query="the patch in the middle" if self.query is None else say_query(self.query),
            first="" if anchor is None else anchor.file,
            patch=layout.patch(query) if anchor is None else anchor.patch,
            tokens=say_block(self.block, layout),
        )


def _patch(query: str | tuple[int, int] | None, layout: Layout, crop: Crop) -> int:
    if query is not None:
        return query_token(query, layout, crop)
    rows, columns = layout.grid
    return layout.prefix + rows // 2 * columns + columns // 2


def _token(tokens: Array, queries: Queries) -> Array:
    """Take one token of each picture: (batch, dim)."""
    return tokens[:, queries, :] if isinstance(queries, int) else row_of_each(tokens, queries)
