"""What kinds of things probes find: a few neutral shapes of arrays, whatever was asked.

Figures, videos, reports and commands know these shapes and no probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from vitonnx.errors import UsageError
from vitonnx.probes._arrays import Array

__all__ = [
    "ON_PICTURES",
    "ClassMaps",
    "ColourMaps",
    "Finding",
    "Histogram",
    "Maps",
    "Matrix",
    "Plate",
    "Table",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class Maps:
    """Values of the patches of one picture: one map, or several and what they come to.

    Parameters
    ----------
    values : float (maps, rows, columns)
        Raw. The first map stands for all; the others, if any, are its parts, such as heads.
    labels : tuple of str
        Name of each.
    unit : str
        What the colour bar counts.
    details : tuple of str
        What the maps show, in words.
    from_zero : bool
        Whether the colour scale begins at 0; otherwise at the lowest value.
    masks : bool (maps, rows, columns) or None
        Patches to outline in each.
    outlined : str
        What the outline encloses.
    mark : (row, column) or None
        The patch to frame.
    alike : bool
        Whether no map stands for the others: each is as much as the first, such as one of several
        classes.

    Raises
    ------
    UsageError
        If they don't fit together.
    """

    values: Array
    labels: tuple[str, ...]
    unit: str
    details: tuple[str, ...] = ()
    from_zero: bool = True
    masks: Array | None = None
    outlined: str = ""
    mark: tuple[int, int] | None = None
    alike: bool = False

    def __post_init__(self) -> None:
        shape = tuple(getattr(self.values, "shape", ()))
        masks = shape if self.masks is None else tuple(getattr(self.masks, "shape", ()))
        if len(shape) != 3 or 0 in shape:
            raise UsageError(f"maps have values of shape {shape}; expected (maps, rows, columns).")
        if isinstance(self.labels, str) or len(self.labels) != shape[0]:
            raise UsageError(f"{shape[0]} maps have the labels {self.labels!r}: give one for each.")
        if masks != shape:
            raise UsageError(f"maps of shape {shape} have masks of shape {masks}: give the same.")
        if self.mark is not None and not (
            len(self.mark) == 2
            and all(0 <= at < side for at, side in zip(self.mark, shape[1:], strict=True))
        ):
            raise UsageError(f"no patch {self.mark} to mark is in a grid of {shape[1:]}.")


@dataclass(frozen=True, eq=False, kw_only=True)
class ColourMaps:
    """A colour for each patch of one picture: three numbers, which mean the same in all pictures.

    Parameters
    ----------
    values : float (rows, columns, 3)
        Raw: red, green and blue, each about 0.
    spread : float (3,)
        Standard deviation of each over all pictures, which colours are scaled by.
    label : str
        What the colours show.
    details : tuple of str
        How they were found, in words.
    shown : bool (rows, columns) or None
        Patches that have a colour; None for all of them.

    Raises
    ------
    UsageError
        If they don't fit together.
    """

    values: Array
    spread: Array
    label: str
    details: tuple[str, ...] = ()
    shown: Array | None = None

    def __post_init__(self) -> None:
        shape = tuple(getattr(self.values, "shape", ()))
        if len(shape) != 3 or shape[2] != 3 or 0 in shape:
            raise UsageError(f"colours have shape {shape}; expected (rows, columns, 3).")
        if tuple(getattr(self.spread, "shape", ())) != (3,):
            raise UsageError("the spread of colours must be three numbers.")
        if self.shown is not None and tuple(self.shown.shape) != shape[:2]:
            raise UsageError(f"what is shown of colours {shape} must have shape {shape[:2]}.")


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassMaps:
    """A class for each patch of one picture: one map, or several.

    Parameters
    ----------
    values : int64 (maps, rows, columns)
        Indices of classes. The first map stands for all.
    labels : tuple of str
        Name of each map.
    classes : tuple of str or None
        Names of the classes, where known.
    details : tuple of str
        What the maps show, in words.

    Raises
    ------
    UsageError
        If they don't fit together.
    """

    values: Array
    labels: tuple[str, ...]
    classes: tuple[str, ...] | None = None
    details: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = tuple(getattr(self.values, "shape", ()))
        if len(shape) != 3 or 0 in shape:
            raise UsageError(f"classes have shape {shape}; expected (maps, rows, columns).")
        if isinstance(self.labels, str) or len(self.labels) != shape[0]:
            raise UsageError(f"{shape[0]} maps have the labels {self.labels!r}: give one for each.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Histogram:
    """How often values lie in each of many bins, over all patches of all pictures.

    Parameters
    ----------
    counts : int64 (bins,)
        How many values lie in each.
    edges : float (bins + 1,)
        Where bins begin and end; rising.
    unit : str
        What is counted: ``norm of a patch token``.
    title : str
        What is counted, as a heading.
    threshold : float or None
        A value to mark.
    beyond : str
        What lies above it, in words.
    details : tuple of str
        How it was measured, in words.
    """

    counts: Array
    edges: Array
    unit: str
    title: str
    threshold: float | None = None
    beyond: str = ""
    details: tuple[str, ...] = ()

    @property
    def share_beyond(self) -> float:
        """Share of the values above the threshold; within its bin they count as spread evenly.

        Examples
        --------
        >>> import numpy as np
        >>> counts, edges = np.array([6, 2, 2]), np.array([0.0, 1.0, 2.0, 3.0])
        >>> Histogram(counts=counts, edges=edges, unit="", title="", threshold=1.5).share_beyond
        0.3
        """
        counts = np.asarray(self.counts, np.float64)
        below = np.interp(self.threshold or 0.0, self.edges, np.append(0.0, np.cumsum(counts)))
        return float(counts.sum() - below) / max(float(counts.sum()), 1.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """One value for every head of every block, of a picture or averaged over many.

    Parameters
    ----------
    values : float (blocks, heads)
        Raw, not negative.
    unit : str
        What is measured, and in what: ``mean attention distance (pixels)``.
    title : str
        What is measured, as a heading.
    std : float (blocks, heads) or None
        Standard deviation over the pictures.
    count : int
        Number of pictures.
    details : tuple of str
        How it was measured, in words.
    """

    values: Array
    unit: str
    title: str
    std: Array | None = None
    count: int = 1
    details: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Plate:
    """Many small pictures, each scaled by itself.

    Parameters
    ----------
    pictures : float (count, rows, columns, 3)
        Raw.
    label : str
        What they are.
    details : tuple of str
        For the caption.
    below : float (count, rows, columns, 3) or None
        More of them, to show one by one.
    below_label : str
        What those are.
    captions : tuple of str
        One for each of those.
    """

    pictures: Array
    label: str
    details: tuple[str, ...] = ()
    below: Array | None = None
    below_label: str = ""
    captions: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Matrix:
    """How every item compares with every other.

    Parameters
    ----------
    values : float (items, items), or (items, other items)
        Raw.
    unit : str
        What the colour bar counts.
    item : str
        What rows and columns are, for the axes: ``patch, row by row``.
    other : str or None
        What columns are, where that differs from rows.
    labels, other_labels : tuple of str
        Name of each row and column; empty where they are counted from 0.
    details : tuple of str
        For the caption.
    bounds : (low, high) or None
        Of the colour scale; None takes those of the values.
    grid : (rows, columns) or None
        Where the items are patches: their grid. Each row of the matrix is then a small map.
    """

    values: Array
    unit: str
    item: str
    other: str | None = None
    labels: tuple[str, ...] = ()
    other_labels: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    grid: tuple[int, int] | None = None


ON_PICTURES = (Maps, ColourMaps, ClassMaps)
"""The shapes that lie on the patches of a picture."""

Finding: TypeAlias = Maps | ColourMaps | ClassMaps | Table | Histogram | Plate | Matrix
