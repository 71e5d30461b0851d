"""The probe ``filters``: what the patch embedding looks for in a patch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import array_api_compat

from vitonnx.layout import Layout
from vitonnx.probes._arrays import Array
from vitonnx.probes._filters import check_filter_options, filter_components, filters

__all__ = ["Filters", "FiltersResult"]

KERNEL = "patch_embed/kernel"


@dataclass(frozen=True, eq=False, kw_only=True)
class FiltersResult:
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


@dataclass(frozen=True)
class Filters:
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

    count: int = 128
    components: int | None = None

    name: ClassVar[str] = "filters"

    def __post_init__(self) -> None:
        check_filter_options(self.count, self.components)

    def reads(self, layout: Layout) -> tuple[str, ...]:
        """Name the one weight that is read: the patch embedding's kernel."""
        return (KERNEL,)

    def compute(self, weights: Mapping[str, Array], layout: Layout) -> FiltersResult:
        """Make the result.

        Parameters
        ----------
        weights : mapping of str to array
            Holds the kernel, (dim, 3, rows, columns).
        layout : Layout
            The model's.

        Raises
        ------
        UsageError
            If there are not so many components.
        """
        kernel = weights[KERNEL]
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
