"""Principal components that were fitted: what they are, and which patches they are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import array_api_compat
import numpy as np

from vitonnx.errors import UsageError
from vitonnx.probes._arrays import Array
from vitonnx.probes._leading import leading_eigenvectors
from vitonnx.probes._moments import Moments
from vitonnx.probes._option import is_open

__all__ = ["Basis", "BasisShape", "Side", "principal_components"]

COMPONENTS = 3
NOTHING = 1e-11  # of the squared length of tokens: less varies by the rounding of single precision


class BasisShape(NamedTuple):
    """What a graph must know of a basis: it takes the numbers as inputs."""

    dim: int
    foreground: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Side:
    """One of the two sides that patches lie on along their first component.

    Parameters
    ----------
    mean, component : float64 (dim,)
        Where the component begins, and its direction.
    spread : float
        Standard deviation of the patches along it.
    threshold : float or None
        Patches that lie beyond it are on this side; None until it was found.
    """

    mean: Array
    component: Array
    spread: float
    threshold: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Basis:
    """The first three principal components of the patches' tokens.

    Parameters
    ----------
    mean : float64 (dim,)
        Of the tokens.
    components : float64 (3, dim)
        Unit vectors, the one with the largest variance first; the largest entry of each is
        positive.
    explained_variance : float64 (3,)
        Variance of the tokens along each.
    explained_variance_ratio : float64 (3,)
        Its share of the whole variance.
    foreground : Side or None
        The patches that it was fitted on; None for all.
    model : str
        Name of the model that the tokens are of.
    """

    mean: Array
    components: Array
    explained_variance: Array
    explained_variance_ratio: Array
    foreground: Side | None = None
    model: str = ""

    @property
    def shape(self) -> BasisShape:
        """What a graph must know of it."""
        return BasisShape(int(self.mean.shape[0]), self.foreground is not None)

    def arrays(self) -> dict[str, Array]:
        """Give it as arrays that a file keeps."""
        names = ("mean", "components", "explained_variance", "explained_variance_ratio")
        arrays = {name: getattr(self, name) for name in names}
        if self.foreground is not None:
            side = self.foreground
            arrays["foreground_mean"], arrays["foreground_component"] = side.mean, side.component
            arrays["foreground_threshold"] = np.asarray(side.threshold)
        return arrays

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any], dim: int) -> Basis:
        """Make one again of what `arrays` gave, for tokens of some width.

        Raises
        ------
        UsageError
            If an array is missing, or of another shape.
        """
        sides = {
            "mean": (dim,),
            "components": (COMPONENTS, dim),
            "explained_variance": (COMPONENTS,),
            "explained_variance_ratio": (COMPONENTS,),
        }
        of_side = {
            "foreground_mean": (dim,),
            "foreground_component": (dim,),
            "foreground_threshold": (),
        }
        has_side = any(name in arrays for name in of_side)
        for name, shape in {**sides, **(of_side if has_side else {})}.items():
            array = arrays.get(name)
            if array is None:
                raise UsageError(f"the basis has no {name}: give an .npz that `pca` wrote.")
            if array.shape != shape:
                raise UsageError(
                    f"the basis has a {name} of shape {array.shape} instead of {shape}: give one "
                    "that was fitted on this model."
                )
            if array.dtype.kind != "f" or not np.isfinite(array).all():
                raise UsageError(f"the basis has a {name} that is no numbers: give another.")
            if name.startswith("explained") and array.min() < 0:
                raise UsageError(f"the basis has a {name} below zero: give another.")
        doubles: dict[str, Any] = {
            name: np.asarray(array, np.float64) for name, array in arrays.items()
        }
        side = None
        if has_side:
            side = Side(
                mean=doubles["foreground_mean"],
                component=doubles["foreground_component"],
                spread=1.0,
                threshold=float(doubles["foreground_threshold"]),
            )
        return cls(**{name: doubles[name] for name in sides}, foreground=side)


def principal_components(
    moments: Moments, foreground: Side | None = None, *, model: str = ""
) -> Basis:
    """Find the components with the largest variance.

    Parameters
    ----------
    moments : Moments
        Of the tokens.
    foreground : Side, optional
        Which patches those are.
    model : str
        Name of the model.

    Raises
    ------
    UsageError
        If there are fewer than four tokens, or fewer than three numbers in each.

    References
    ----------
    Pearson 1901; signs as in scikit-learn's ``PCA``: the largest entry is positive.

    Examples
    --------
    >>> from vitonnx.probes._moments import token_moments
    >>> tokens = np.diag([5.0, 3.0, 2.0, 1.0])
    >>> principal_components(Moments.of(token_moments(tokens), 1)).components.shape
    (3, 4)
    """
    if not is_open(moments.samples) and moments.samples <= COMPONENTS:
        raise UsageError(
            f"three components need the tokens of at least four patches, and there are "
            f"{moments.samples:.0f}: give more pictures."
        )
    xp = array_api_compat.array_namespace(moments.mean)
    if moments.mean.shape[0] < COMPONENTS:
        raise UsageError(f"tokens of {moments.mean.shape[0]} numbers have no three components.")
    covariance = moments.scatter / (moments.samples - 1)
    if is_open(covariance):
        variance, components = leading_eigenvectors(covariance, COMPONENTS)
        whole = _trace(covariance)
    else:
        variances, vectors = xp.linalg.eigh(covariance)
        # The last are the largest.
        components = xp.flip(xp.matrix_transpose(vectors)[-COMPONENTS:, :], axis=0)
        variance = xp.flip(xp.clip(variances[-COMPONENTS:], min=0.0))
        whole = xp.sum(xp.clip(variances, min=0.0))
    largest = xp.argmax(xp.abs(components), axis=1)
    dim = moments.mean.shape[0]
    index = xp.arange(dim, device=array_api_compat.device(components))
    picked = xp.where(index[None, :] == largest[:, None], components, 0.0)
    signs = xp.sign(xp.sum(picked, axis=1))
    least = NOTHING * xp.sum(moments.mean * moments.mean)
    if not is_open(whole) and not float(whole) > float(least):
        raise UsageError(
            "all patches have the same token, so that there are no components: give other pictures."
        )
    return Basis(
        mean=moments.mean,
        components=components * signs[:, None],
        explained_variance=variance,
        explained_variance_ratio=variance / whole,
        foreground=foreground,
        model=model,
    )


def _trace(matrix: Array) -> Array:
    xp = array_api_compat.array_namespace(matrix)
    index = xp.arange(matrix.shape[0], device=array_api_compat.device(matrix))
    return xp.sum(xp.where(index[:, None] == index[None, :], matrix, 0.0))
