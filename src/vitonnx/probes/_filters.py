"""The probe ``filters``: what the patch embedding looks for in a patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import array_api_compat

from vitonnx.contract import PATCH_KERNEL
from vitonnx.errors import UsageError
from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._finding import Plate
from vitonnx.probes._option import option
from vitonnx.probes._probe import WeightProbe
from vitonnx.probes._result import Found

__all__ = ["Filters", "FiltersResult", "filter_components", "filters"]


# Share of the variance up to which a component is made of rounding errors.
NOISE = 1e-20


@dataclass(frozen=True, eq=False, kw_only=True)
class FiltersResult(Found):
    """Filters of a patch embedding.

    Parameters
    ----------
    filters : float32 (count, rows, columns, 3)
        The first ones, raw.
    components : float32 (components, rows, columns, 3) or None
        Principal components of all filters; None where none were asked for.
    explained_variance_ratio : float32 (components,) or None
        Share of the variance that each explains.
    """

    filters: Array
    components: Array | None
    explained_variance_ratio: Array | None

    @property
    def finding(self) -> Plate:
        """The filters, and below them the components."""
        plate = Plate(
            pictures=self.filters,
            label=f"the first {self.filters.shape[0]} filters",
            details=("filters of the patch embedding", "each scaled by itself"),
        )
        if self.components is None or self.explained_variance_ratio is None:
            return plate
        shares = [float(share) for share in self.explained_variance_ratio]
        label = f"{len(shares)} principal components, and the variance that each explains"
        return replace(
            plate,
            below=self.components,
            below_label=f"{label}: {sum(shares):.0%} together",
            captions=tuple(f"{share:.1%}" for share in shares),
        )


@dataclass(frozen=True)
class Filters(WeightProbe[FiltersResult]):
    """The filters of the patch embedding, and their principal components.

    Parameters
    ----------
    count : int
        How many filters; all, where there are fewer.
    components : int, optional
        How many principal components to find, of all filters.

    Raises
    ------
    UsageError
        If a number isn't positive.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 left.

    Examples
    --------
    >>> import numpy as np
    >>> vit = Layout(grid=(14, 14), patch_size=16, prefix_tokens=("cls",), blocks=12, heads=6)
    >>> Filters().reads(vit)
    ('patch_embed/kernel',)
    >>> kernel = np.random.default_rng(0).normal(size=(384, 3, 16, 16))
    >>> Filters(components=28).compute({"patch_embed/kernel": kernel}, vit).components.shape
    (28, 16, 16, 3)
    """

    name: ClassVar[str] = "filters"
    help: ClassVar[str] = "Show the filters of the patch embedding. Needs no picture."
    purpose: ClassVar[str] = (
        "See which colours and edges the first layer tells apart: in a model that was trained "
        "long, filters are smooth, and few components make them up."
    )
    example: ClassVar[str] = "--components 28"
    gives = Plate

    count: int = option(128, "Show this many filters, the first ones.", least=1)
    components: int | None = option(
        None, "Also show this many principal components of all filters, such as 28."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_filter_options(self.count, self.components)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one weight that is read: the patch embedding's kernel."""
        return (PATCH_KERNEL,)

    def compute(self, weights: Mapping[str, Array], layout: Layout) -> FiltersResult:
        """Make the result of the kernel, (dim, 3, rows, columns).

        Raises
        ------
        UsageError
            If there are not so many components.
        """
        kernel = weights[PATCH_KERNEL]
        xp = array_api_compat.array_namespace(kernel)
        kernel = xp.astype(kernel, xp.float32)
        components, ratio = None, None
        if self.components is not None:
            components, ratio = filter_components(kernel, self.components)
        return FiltersResult(
            filters=filters(kernel, self.count),
            components=components,
            explained_variance_ratio=ratio,
        )


def filters(kernel: Array, count: int = 128) -> Array:
    """Give the first filters of a patch embedding, as small pictures.

    Parameters
    ----------
    kernel : (dim, 3, rows, columns)
        The patch embedding's weights, a filter for each channel of the residual stream; red, green
        and blue.
    count : int
        How many; all, where there are fewer.

    Returns
    -------
    (count, rows, columns, 3), the input's namespace and dtype
        Raw weights, not scaled for the eye.

    Raises
    ------
    UsageError
        If the kernel has another shape, or the count isn't positive.

    References
    ----------
    Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", arXiv:2010.11929, section 4.5.

    Examples
    --------
    >>> import numpy as np
    >>> filters(np.zeros((384, 3, 16, 16))).shape
    (128, 16, 16, 3)
    """
    _check_kernel(kernel, caller="filters")
    check_filter_options(count, None)
    xp = array_api_compat.array_namespace(kernel)
    return xp.permute_dims(kernel[: min(count, kernel.shape[0]), ...], (0, 2, 3, 1))


def filter_components(kernel: Array, count: int = 28) -> tuple[Array, Array]:
    """Find the principal components of all filters of a patch embedding.

    The filters are the samples, their mean is taken off, and their weights are not rescaled. A
    component and its negative say the same; of the two, the one whose largest weight in magnitude
    is positive is given, so that two runs agree.

    Parameters
    ----------
    kernel : (dim, 3, rows, columns)
        The patch embedding's weights.
    count : int
        How many; there are at most ``min(dim - 1, 3 * rows * columns)``.

    Returns
    -------
    components : (count, rows, columns, 3), the input's namespace and dtype
        In descending order of their variance; their squares sum to 1.
    explained_variance_ratio : (count,), the input's namespace and dtype
        Share of the variance of all filters that each explains.

    Raises
    ------
    UsageError
        If the kernel has another shape, some weights are not finite, or there are not so many
        components.

    References
    ----------
    Dosovitskiy et al. 2021, arXiv:2010.11929, Fig. 7 left, which shows 28.

    Examples
    --------
    >>> import numpy as np
    >>> kernel = np.zeros((4, 3, 1, 2))
    >>> kernel[:, 0, 0, 1] = -4, -2, 2, 4  # red, on the right
    >>> kernel[:, 2, 0, 0] = 1, -2, 2, -1  # blue, on the left
    >>> components, ratio = filter_components(kernel, 2)
    >>> abs(components[0, 0, :, 0]).round(3).tolist(), ratio.round(3).tolist()
    ([0.0, 1.0], [0.8, 0.2])
    """
    _check_kernel(kernel, caller="filter_components")
    check_filter_options(1, count)
    dim, colours, rows, columns = kernel.shape
    xp = array_api_compat.array_namespace(kernel)
    if not bool(xp.all(xp.isfinite(kernel))):
        raise UsageError(
            "filter_components: some weights of the kernel are not finite, so it has no principal "
            "components: use another checkpoint."
        )
    pictures = xp.permute_dims(xp.astype(kernel, xp.float64), (0, 2, 3, 1))
    samples = xp.reshape(pictures, (dim, -1))
    samples = samples - xp.mean(samples, axis=0, keepdims=True)
    _, spread, axes = xp.linalg.svd(samples, full_matrices=False)
    variance = spread**2
    total = xp.sum(variance)
    there_are = int(xp.sum(xp.astype(variance > NOISE * total, xp.int64)))
    if count > there_are:
        raise UsageError(
            f"{count} components are asked for, but {dim} filters of {rows}x{columns} pixels have "
            f"{there_are}: ask for at most so many."
        )
    axes = axes[:count, :]
    largest = xp.argmax(xp.abs(axes), axis=1, keepdims=True)
    axes = axes * xp.sign(xp.take_along_axis(axes, largest, axis=1))
    components = xp.reshape(axes, (count, rows, columns, colours))
    ratio = variance[:count] / total
    return xp.astype(components, kernel.dtype), xp.astype(ratio, kernel.dtype)


def check_filter_options(count: int, components: int | None) -> None:
    """Raise a UsageError unless both are positive."""
    if count < 1:
        raise UsageError(f"count is {count}; it must be at least 1.")
    if components is not None and components < 1:
        raise UsageError(f"components is {components}; it must be at least 1, such as 28.")


def _check_kernel(kernel: Array, *, caller: str) -> None:
    shape = tuple(kernel.shape)
    if len(shape) != 4 or shape[1] != 3 or 0 in shape:
        raise UsageError(
            f"{caller}: the kernel has shape {shape}; expected (dim, 3, rows, columns), "
            "a filter for each channel and red, green and blue on the second axis."
        )
