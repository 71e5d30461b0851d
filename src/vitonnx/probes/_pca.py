"""The probe ``pca``: the patches' first three principal components, as colours."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import array_api_compat
import numpy as np

from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._adding import AddingProbe, SumProbe
from vitonnx.probes._arrays import Array
from vitonnx.probes._basis import COMPONENTS, Basis, BasisShape, Side, principal_components
from vitonnx.probes._finding import ColourMaps, Finding, Plate
from vitonnx.probes._foreground import FirstComponent, on_side
from vitonnx.probes._moments import Moments, token_moments
from vitonnx.probes._option import is_open, option
from vitonnx.probes._patches import patch_tokens
from vitonnx.probes._probe import GraphProbe, Queries
from vitonnx.probes._result import PictureResult
from vitonnx.probes._stream import say_block
from vitonnx.probes._total import Total

__all__ = ["PCA", "PCAResult", "PatchMoments"]

Foreground = Literal["none", "first"]

LEAST_VARIANCE = 1e-24  # of a component whose deviation divides


@dataclass(frozen=True, eq=False, kw_only=True)
class PCAResult(PictureResult):
    """The components of the patches of one picture.

    Parameters
    ----------
    pca : float32 (rows, columns, 3)
        Of each patch's token, about the mean of all pictures that the basis was fitted on.
    foreground : bool (rows, columns) or None
        Which patches are on the side that the basis was fitted on; None where that is all.
    spread : tuple of three floats
        Standard deviation of each component over those.
    details : tuple of str
        What tokens they are, in words.
    """

    pca: Array
    foreground: Array | None
    spread: tuple[Any, ...]
    details: tuple[str, ...]

    @property
    def drawn(self) -> dict[str, Array]:
        """The components, their spread, and which patches are shown."""
        xp = array_api_compat.array_namespace(self.pca) if is_open(self.pca) else np
        drawn = {"values": self.pca, "spread": xp.stack([xp.asarray(of) for of in self.spread])}
        return drawn if self.foreground is None else {**drawn, "shown": self.foreground}

    @property
    def finding(self) -> ColourMaps:
        """The components as red, green and blue."""
        return ColourMaps(**self.drawn, label="principal components", details=self.details)


@dataclass(frozen=True)
class PatchMoments(SumProbe[Moments]):
    """Mean and scatter of the patches' tokens: the first question of `PCA`, and the last.

    Parameters
    ----------
    block : int
        See `PCA`.
    side : Side, int or None
        The patches that count; in a graph, which takes it as an input, its width. None for all.
    """

    name: ClassVar[str] = "pca"
    gives = Plate

    block: int = -1
    side: Side | int | None = None

    @property
    def graph_form(self) -> PatchMoments:
        """The probe without the side's numbers."""
        if not isinstance(self.side, Side):
            return self
        return PatchMoments(self.block, int(self.side.mean.shape[0]))

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one value that is read."""
        return (layout.stream(self.block),)

    def constants(self, layout: Layout) -> Mapping[str, Array]:
        """Give the side as an array: its mean, its component, and the threshold."""
        if self.side is None:
            return {}
        if isinstance(self.side, int):
            return {"pca/side": np.zeros((3, self.side), np.float32)}
        bound = np.full_like(self.side.mean, self.side.threshold)
        rows = np.stack([self.side.mean, self.side.component, bound])
        return {"pca/side": rows.astype(np.float32)}

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (1, 2 + dim, dim): see `token_moments`."""
        patches = patch_tokens(outputs[layout.stream(self.block)], layout)
        xp = array_api_compat.array_namespace(patches)
        tokens = xp.reshape(patches, (-1, patches.shape[-1]))
        weights = None
        if self.side is not None:
            weights = xp.astype(on_side(tokens, outputs["pca/side"]) > 0, tokens.dtype)
        moments = xp.astype(token_moments(tokens, weights), xp.float32)
        # A traced product doesn't know its shape.
        dim = patches.shape[-1]
        return xp.reshape(moments, (1, 2 + dim, dim))

    def total(self, condensed: Array, pictures: int, layout: Layout) -> Moments:
        """Take the moments of a batch."""
        parts = [Moments.of(condensed[part, ...], 1) for part in range(condensed.shape[0])]
        return replace(functools.reduce(Moments.merge, parts), count=pictures)

    def summary(self, results: Sequence[Any] = ()) -> Moments:
        """Give the moments of no picture."""
        return Moments()

    def finding_of(self, total: Moments, layout: Layout) -> Finding:
        """Raise a UsageError: moments alone are no figure."""
        raise UsageError("pca draws pictures: fit it with engine.fitted, and ask it with probe.")

    def bytes_of(self, layout: Layout) -> int:
        """Give the memory that the scatter takes."""
        return 8 * layout.dim**2

    def check(self, total: Moments, layout: Layout) -> None:
        """Raise a ValueError for moments that no tokens of the model have."""
        if np.shape(total.mean) != (layout.dim,) or np.shape(total.scatter) != (layout.dim,) * 2:
            raise ValueError("moments of tokens of another width")
        if total.samples < 0:
            raise ValueError(f"{total.samples:g} patches")
        if np.min(np.diagonal(total.scatter)) < 0:
            raise ValueError("variances below zero")


@dataclass(frozen=True)
class PCA(GraphProbe[PCAResult]):
    """The first three principal components of the patches' tokens, as colours.

    The components are those of all pictures of a call together, so that a colour means the same in
    each. To ask one picture after the other, fit it first: see `vitonnx.Engine.fitted`.

    Parameters
    ----------
    block : int
        0 is the first block, -1 the last. The last block's tokens are taken after the final norm,
        where the model has one for its patches.
    foreground : "none" or "first"
        "first" fits a first component, divides the patches on it in two by Otsu's threshold, takes
        the side with the smaller share of the patches at the borders of the pictures, and fits the
        components on that side alone.
    whiten : bool
        Whether components are divided by their standard deviation. Figures always scale them so.
    basis : Basis, str or None
        The components; an ``.npz`` that keeps some; or the pictures to fit them on: a folder, a
        glob, or a text file that lists them. None takes those of the call.

    References
    ----------
    Oquab et al. 2023, "DINOv2", arXiv:2304.07193, Fig. 1 and section 7.5; the notebook on PCA of
    Siméoni et al. 2025, "DINOv3".

    Examples
    --------
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> PCA().reads(vit), PCA(block=3).reads(vit)
    (('final_norm/tokens',), ('block_03/tokens',))
    """

    name: ClassVar[str] = "pca"
    help: ClassVar[str] = "Colour patches by what their tokens hold, alike in all pictures."
    purpose: ClassVar[str] = (
        "See what the tokens tell apart: patches of the same colour hold alike things, in all "
        "pictures."
    )
    example: ClassVar[str] = "--foreground first"
    gives = ColourMaps
    learns: ClassVar[tuple[str, ...]] = (
        *("mean", "components", "explained_variance", "explained_variance_ratio", "block"),
        "model",
        *("foreground_mean", "foreground_component", "foreground_threshold"),
    )

    block: int = option(
        -1,
        "Take the tokens of this block: 0 is the first; -1, the last, is taken after the final "
        "norm.",
    )
    foreground: Foreground = option(
        "none", "Fit on all patches, or on one side of the first component, away from the borders."
    )
    whiten: bool = option(
        False,
        "Scale the components of arrays to unit variance, as figures always do.",
        constant=True,
    )
    basis: Basis | BasisShape | str | None = option(
        None,
        "Take the components that an .npz of this probe keeps, or fit them on these pictures, "
        "instead of those of the call.",
        metavar="FILE.npz|INPUT",
        read=str,
        constant=True,
    )
    side: Side | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.basis, os.PathLike):
            object.__setattr__(self, "basis", os.fspath(self.basis))
        if not isinstance(self.basis, Basis | BasisShape | str | None):
            raise UsageError(
                f"basis is a {type(self.basis).__name__}; it must be what engine.fitted gives, an "
                ".npz, or pictures to fit it on."
            )

    @property
    def fit_source(self) -> str | None:
        """The ``.npz`` or the pictures that the basis is to be taken from."""
        return self.basis if isinstance(self.basis, str) else None

    def without_source(self) -> PCA:
        """Give the probe without what its basis is to be taken from."""
        return replace(self, basis=None)

    @property
    def graph_form(self) -> PCA:
        """The probe without the basis's numbers, which are inputs of the graph."""
        form = self.basis.shape if isinstance(self.basis, Basis) else self.basis
        return PCA(block=self.block, foreground=self.foreground, basis=form)

    def fit_stage(self, layout: Layout) -> AddingProbe[Any, Any] | None:
        """Ask for the moments; with a foreground, then for its side, and for its own moments."""
        if isinstance(self.basis, Basis | BasisShape):
            return None
        if self.side is None:
            return PatchMoments(self.block)
        if self.side.threshold is None:
            return FirstComponent(self.block, self.side)
        return PatchMoments(self.block, self.side)

    def fit_stages(self, layout: Layout) -> tuple[AddingProbe[Any, Any], ...]:
        """List the moments; with a foreground, its side, and its own moments."""
        moments = PatchMoments(self.block)
        if self.foreground == "none":
            return (moments,)
        return moments, FirstComponent(self.block, layout.dim), PatchMoments(self.block, layout.dim)

    def learn(self, total: Total, layout: Layout) -> PCA:
        """Take what the stage came to."""
        if not isinstance(total, Moments):
            assert self.side is not None
            return replace(self, side=total.choose(self.side))  # type: ignore[attr-defined]
        found = principal_components(total, self.side, model=layout.name)
        if self.foreground == "none" or self.side is not None:
            return replace(self, basis=found)
        spread = float(found.explained_variance[0]) ** 0.5
        first = Side(mean=found.mean, component=found.components[0, :], spread=spread)
        return replace(self, side=first, basis=None)

    def recall(self, arrays: Mapping[str, Array], layout: Layout) -> PCA:
        """Take the basis that an ``.npz`` keeps."""
        block = layout.block(self.block)
        kept = arrays.get("block")
        if kept is not None and (kept.shape != () or kept.dtype.kind not in "iu"):
            raise UsageError("the basis has a block that is no number: give another.")
        if kept is not None and int(kept) != block:
            raise UsageError(
                f"the basis is of block {int(kept)}, not {block}: give --block {int(kept)} "
                f"(block={int(kept)} in Python), or another basis."
            )
        parts = {name: array for name, array in arrays.items() if name not in ("block", "model")}
        basis = Basis.of_arrays(parts, layout.dim)
        if str(arrays.get("model", "")):
            basis = replace(basis, model=str(arrays["model"]))
        if self.foreground == "first" and basis.foreground is None:
            raise UsageError(
                "the basis was fitted on all patches, and tells no foreground: leave --foreground "
                "out, or fit another."
            )
        kind: Foreground = "none" if basis.foreground is None else "first"
        return replace(self, basis=basis, foreground=kind)

    def learned(self, layout: Layout) -> Mapping[str, Array]:
        """Give the basis as arrays, with the block that it is of."""
        if not isinstance(self.basis, Basis):
            return {}
        of = {"block": np.asarray(layout.block(self.block)), "model": np.asarray(self.basis.model)}
        return {**self.basis.arrays(), **of}

    def advice(self, layout: Layout) -> str | None:
        """Say so if the basis was fitted on a model of another name."""
        model = self.basis.model if isinstance(self.basis, Basis) else layout.name
        if model in ("", layout.name):
            return None
        return (
            f"the basis was fitted on {model}: colours mean something else here, unless both "
            "models hold the same in the same numbers."
        )

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one value that is read.

        Raises
        ------
        UsageError
            If there is no such block, or the basis is of tokens of another width.
        """
        if isinstance(self.basis, Basis) and layout.dim not in (0, self.basis.shape.dim):
            raise UsageError(
                f"the basis is of tokens of {self.basis.shape.dim} numbers, and those of the model "
                f"have {layout.dim}: give one that was fitted on this model."
            )
        return (layout.stream(self.block),)

    def constants(self, layout: Layout) -> Mapping[str, Array]:
        """Give mean and components; with a foreground, its side is a fourth component.

        Raises
        ------
        UsageError
            If there is no basis yet.
        """
        if not isinstance(self.basis, Basis | BasisShape):
            raise self._unfitted
        if isinstance(self.basis, BasisShape):
            dim, foreground = self.basis
            rows = COMPONENTS + foreground
            return {
                "pca/mean": np.zeros(dim, np.float32),
                "pca/components": np.zeros((rows, dim), np.float32),
                "pca/offsets": np.zeros(rows, np.float32),
            }
        basis, mean = self.basis, self.basis.mean
        xp = array_api_compat.array_namespace(mean)
        components, offsets = basis.components, xp.zeros(COMPONENTS, dtype=xp.float64)
        if self.whiten:
            components = components / self._spread[:, None]
        if basis.foreground is not None:
            side = basis.foreground
            beyond = xp.sum(side.component * (mean - side.mean), axis=0, keepdims=True)
            components = xp.concat([components, side.component[None, :]])
            offsets = xp.concat([offsets, beyond - float(side.threshold or 0.0)])
        return {
            "pca/mean": xp.astype(mean, xp.float32),
            "pca/components": xp.astype(components, xp.float32),
            "pca/offsets": xp.astype(offsets, xp.float32),
        }

    @property
    def _unfitted(self) -> UsageError:
        return UsageError(
            "pca has no basis yet: fit it with engine.fitted(pictures, vitonnx.PCA()), or ask all "
            "pictures at once with engine.probe."
        )

    @property
    def _spread(self) -> Array:
        """Standard deviation of each component; never 0, so that it can divide."""
        assert isinstance(self.basis, Basis)
        variance = self.basis.explained_variance
        xp = array_api_compat.array_namespace(variance)
        # A traced maximum knows no numbers but arrays.
        return xp.sqrt(xp.where(variance > LEAST_VARIANCE, variance, LEAST_VARIANCE))

    def condense(self, outputs: Mapping[str, Array], layout: Layout, queries: Queries) -> Array:
        """Give float32 (batch, rows, columns, 3), or 4: how far inside the foreground."""
        tokens = patch_tokens(outputs[layout.stream(self.block)], layout)
        xp = array_api_compat.array_namespace(tokens)
        apart = tokens - outputs["pca/mean"]
        found = apart @ xp.matrix_transpose(outputs["pca/components"]) + outputs["pca/offsets"]
        # A traced product doesn't know its shape.
        rows = outputs["pca/components"].shape[0]
        return xp.astype(xp.reshape(found, (-1, *layout.grid, rows)), xp.float32)

    def result(self, condensed: Array, layout: Layout, query: int | None) -> PCAResult:
        """Make the result of one picture, of its (rows, columns, 3 or 4)."""
        if not isinstance(self.basis, Basis):
            raise self._unfitted
        ratio, spread = self.basis.explained_variance_ratio, self._spread
        foreground = condensed[..., 3] > 0 if condensed.shape[-1] > COMPONENTS else None
        of_side = () if foreground is None else ("of the foreground",)
        details = (say_block(self.block, layout), *_explained(ratio), *of_side)
        return PCAResult(
            pca=condensed[..., :COMPONENTS],
            foreground=foreground,
            spread=(1.0,) * COMPONENTS if self.whiten else _numbers(spread),
            details=details,
        )


def _numbers(three: Array) -> tuple[Any, ...]:
    """Take an array of three numbers apart."""
    apart = [three[place] for place in range(COMPONENTS)]
    return tuple(each if is_open(each) else float(each) for each in apart)


def _explained(ratio: Array) -> tuple[str, ...]:
    """Say what share of the variance the components explain, where it is known."""
    shares = _numbers(ratio)
    if is_open(shares[0]):
        return ()
    return ("explained variance: " + ", ".join(f"{share:.0%}" for share in shares),)
