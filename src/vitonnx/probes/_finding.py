"""What kinds of things probes find: a few neutral shapes of arrays, whatever was asked.

Figures, videos, reports and commands know these shapes and no probe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vitonnx.errors import UsageError
from vitonnx.probes._arrays import Array

__all__ = ["Finding", "Maps", "Matrix", "Plate", "Table"]


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
    values : float (items, items)
        Raw.
    unit : str
        What the colour bar counts.
    item : str
        What rows and columns are, for the axes: ``patch, row by row``.
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
    details: tuple[str, ...] = ()
    bounds: tuple[float, float] | None = None
    grid: tuple[int, int] | None = None


Finding: TypeAlias = Maps | Table | Plate | Matrix
